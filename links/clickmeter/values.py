"""Values of parameters and members, read leniently: numbers, numeric strings and words are the same thing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from links.clickmeter.errors import ApiError, build_parameter_error
from links.validators import MAX_YEAR, MIN_YEAR

TRUE_WORDS = {"true", "1", "yes", "on"}
TIME = re.compile(r"(\d{4})(\d{2})(\d{2})(\d{2})?(\d{2})?(\d{2})?\Z")
NO_DATES = ("00010101", "99991231")

Value: TypeAlias = Any  # of a member: as a client sent it, or as a row has it
Json: TypeAlias = dict[str, Value]  # an object of a request or a response


def parse_time(text: str, name: str) -> datetime:
    """Parse yyyyMMdd or yyyyMMddHHmmss as UTC. Raises ApiError (400)."""
    match = TIME.match(text.strip())
    try:
        if match is None:
            raise ValueError
        parts = [int(part) for part in match.groups() if part]
        return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]
    except ValueError:
        raise build_parameter_error(name, f"{name} is written yyyyMMdd or yyyyMMddHHmmss.", text) from None


def parse_integer(data: object, default: int = 0) -> int:
    """Parse an integer from a number or text; the default for anything else."""
    try:
        number = int(str(data).strip())
    except (TypeError, ValueError):
        return default
    return number if abs(number) < 2**63 else default


def parse_boolean(data: object) -> bool:
    """Parse true, "true", 1, "1", "yes" and "on" as True."""
    return str(data).strip().lower() in TRUE_WORDS


def parse_enum(value: object, names: Mapping[str, int], property_name: str) -> int:
    """Parse an enumeration: a number, a numeric string or a name. Raises ApiError (400)."""
    named = value if type(value) is int else names.get(str(value).strip().lower())
    number = named if named is not None else parse_integer(value, -1)
    if number not in names.values():
        raise build_parameter_error(
            property_name, f"{property_name} is one of {', '.join(sorted(names))}, or its number.", str(value)[:100]
        )
    return int(number)


def parse_action(body: Json, allowed: tuple[str, ...] = ("add", "remove")) -> str:
    """Parse `action` in lower case. Raises ApiError (400) if it is not allowed."""
    action = parse_text(body.get("action")).strip().lower()
    if action not in allowed:
        raise build_parameter_error("Action", f"Action is {' or '.join(allowed)}.", action[:100])
    return action


def parse_object(value: object) -> Json:
    """Return an object unchanged, {} for anything else."""
    return value if isinstance(value, dict) else {}


def parse_list(value: object) -> list[object]:
    """Return a list, the values of an object (as forms send lists), or []."""
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def parse_text(data: object) -> str:
    """Parse a text, or a number as text; "" for null. Raises ApiError (400) for an object or a list."""
    if isinstance(data, dict | list):
        raise ApiError(400, f"A text is expected instead of {'an object' if isinstance(data, dict) else 'a list'}.")
    return "" if data is None else str(data)


def parse_ids(value: object) -> list[int]:
    """Parse `[1, "2", {"id": 3}]` or `"1,2"` into ids; 0 for what is not a number."""
    items = value.split(",") if isinstance(value, str) else parse_list(value)
    return [
        parse_integer(item.get("id") if isinstance(item, dict) else item) for item in items if item not in ("", None)
    ]


def parse_tags(data: object) -> list[int | str]:
    """Parse `[{name}]`, `[{id, name}]`, `[id]` or `["name"]` into ids and names of tags."""
    tags: list[int | str] = []
    for item in parse_list(data):
        if isinstance(item, dict):
            number, name = parse_integer(item.get("id")), parse_text(item.get("name")).strip()
            tags.append(number or name)
        elif isinstance(item, int) and not isinstance(item, bool):
            tags.append(item)
        elif parse_text(item).strip():
            tags.append(parse_text(item).strip())
    return [item for item in tags if item]


def parse_optional_time(value: object, name: str) -> datetime | None:
    """Parse a date; None for the earliest and the latest, which .NET clients send for "none". Raises ApiError (400)."""
    text = parse_text(value).strip()
    if not text or text.startswith(NO_DATES):
        return None
    moment = parse_time(text, name)
    if not MIN_YEAR <= moment.year <= MAX_YEAR:
        raise build_parameter_error(name, f"{name} lies between the years {MIN_YEAR} and {MAX_YEAR}.", text)
    return moment


def lower_keys(names: Mapping[str, int]) -> dict[str, int]:
    """Return the names of an enumeration in lower case, as `parse_enum` compares them."""
    return {name.lower(): number for name, number in names.items()}
