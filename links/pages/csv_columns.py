"""The columns of a CSV file of links: what the export writes into each, and what the import reads from it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import orjson
from django.core.exceptions import ValidationError
from django.db.models import QuerySet

from accounts.host_names import host_name
from links.grants import Sight
from links.lookups import find_tags
from links.models import Conversion, Datapoint, Domain, Kind, Mode, ReferrerClean, Script, Status

MODES = {mode.name.lower(): mode.value for mode in Mode}
STATUSES = {status.label.lower(): status.value for status in Status if status != Status.DELETED}
KINDS = {"link": Kind.LINK.value, "pixel": Kind.PIXEL.value}
REFERRERS = {one.name.lower(): one.value for one in ReferrerClean}
REDIRECTS = {"permanent": 301, "temporary": 307}
YES, NO = ("yes", "true", "1"), ("no", "false", "0")
Named = TypeVar("Named", Conversion, Script)


@dataclass(frozen=True)
class Column:
    """One column. `field` is the argument of `links.services.datapoint_create` that `read` gives for a cell that is not
    empty; without `field` the import ignores the column. `read` raises ValidationError."""

    name: str
    write: Callable[[Datapoint], object]
    field: str = ""
    read: Callable[[Sight, str], Any] = lambda sight, text: text


def text(name: str) -> Column:
    return Column(name, lambda row: getattr(row, name), name)


def flag(name: str) -> Column:
    return Column(name, lambda row: "yes" if getattr(row, name) else "", name, lambda sight, cell: truth(name, cell))


def moment(name: str) -> Column:
    return Column(name, lambda row: iso(getattr(row, name)), name, lambda sight, cell: time_of(name, cell))


def word(name: str, words: dict[str, int]) -> Column:
    """A number that is written as a word; its number is read, too."""
    names = {number: said for said, number in words.items()}
    return Column(
        name, lambda row: names.get(getattr(row, name), ""), name, lambda sight, cell: number_of(name, words, cell)
    )


def truth(name: str, cell: str) -> bool:
    if cell.lower() not in YES + NO:
        raise ValidationError({name: f"{name} is yes or no, not “{cell[:20]}”."})
    return cell.lower() in YES


def number_of(name: str, words: dict[str, int], cell: str) -> int:
    said = cell.lower()
    found = words.get(said, int(said) if said.isascii() and said.isdigit() and len(said) < 5 else -1)
    if found not in words.values():
        raise ValidationError({name: f"{name} is one of {', '.join(words)}, not “{cell[:20]}”."})
    return found


def iso(value: datetime | None) -> str:
    return value.astimezone(UTC).isoformat(timespec="seconds") if value else ""


def time_of(name: str, cell: str) -> datetime:
    """A time in ISO 8601, in UTC unless it says otherwise."""
    try:
        found = datetime.fromisoformat(cell)
        found = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ValidationError({name: f"{name} is a time such as 2026-03-31T18:00:00+02:00."}) from None
    return found


def rules_of(sight: Sight, cell: str) -> dict[str, Any]:
    try:
        found = orjson.loads(cell)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ValidationError({"rules": "rules is a JSON object, as the export writes it."})
    return found


def domain_of(sight: Sight, cell: str) -> Domain:
    """The domain of this name, so that no link moves to another one unnoticed."""
    found = sight.domains().filter(name=host_name(cell)).order_by("account").last()
    if found is None:
        raise ValidationError(
            {"domain": f"“{cell[:100]}” is none of your link domains; add it under Links → Domains, or leave it empty."}
        )
    return found


def named_rows(rows: QuerySet[Named], cell: str, what: str) -> list[Named]:
    """Rows by their names, which have commas between them."""
    by_name = {row.name.lower(): row for row in rows}
    names = [cell] if cell.lower() in by_name else [part.strip() for part in cell.split(",") if part.strip()]
    if missing := [name for name in names if name.lower() not in by_name]:
        raise ValidationError({what: f"There is no {what} “{missing[0][:100]}”; make it first."})
    return [by_name[name.lower()] for name in names]


COLUMNS: tuple[Column, ...] = (
    text("alias"), text("title"), text("url"),
    Column("group", lambda row: row.group.name),  # read by the import itself, which makes missing groups
    Column("tags", lambda row: ",".join(tag.name for tag in row.tags.all()), "tags",
           lambda sight, cell: find_tags(sight, [one.strip() for one in cell.split(",") if one.strip()])),
    Column("domain", lambda row: row.domain.name, "domain", domain_of),
    word("status", STATUSES), word("kind", KINDS),
    Column("redirect_type", lambda row: row.redirect_type, "redirect_type",
           lambda sight, cell: number_of("redirect_type", REDIRECTS, cell)),
    word("mode", MODES),
    Column("rules", lambda row: json.dumps(row.rules, ensure_ascii=False) if row.rules else "", "rules", rules_of),
    text("first_url"), flag("append_query"), flag("hide_url"), text("hide_url_title"), flag("encode_url"),
    word("referrer_clean", REFERRERS),
    Column("protected", lambda row: "yes" if row.password else ""),
    Column("password", lambda row: "", "password"),
    moment("starts"), moment("expiration_date"), text("url_after_date"), flag("pause_after_date"),
    Column("expiration_clicks", lambda row: row.expiration_clicks or "", "expiration_clicks"),
    text("url_after_clicks"), flag("pause_after_clicks"), flag("encode_ip"), flag("light_tracking"),
    flag("redirect_only"), Column("cost", lambda row: f"{row.cost:f}" if row.cost else "", "cost"),
    Column("conversions", lambda row: ",".join(one.conversion.name for one in row.attached.all()), "conversions",
           lambda sight, cell: named_rows(sight.conversions().filter(deleted=None), cell, "conversion")),
    Column("scripts", lambda row: ",".join(one.name for one in row.scripts.all()), "scripts",
           lambda sight, cell: named_rows(sight.scripts(), cell, "retargeting script")),
    flag("favourite"), text("notes"),
)  # fmt: skip


def fields_of(sight: Sight, line: dict[str, str]) -> dict[str, Any]:
    """What a line says of a link, as arguments of `links.services.datapoint_create`. Raises ValidationError."""
    if line.get("protected", "").lower() in YES and not line.get("password"):
        raise ValidationError(
            {"password": "This link has a password, which no file tells; write one into the column password."}
        )
    cells = ((column, line.get(column.name, "")) for column in COLUMNS if column.field)
    return {column.field: column.read(sight, cell) for column, cell in cells if cell}
