"""The columns of a CSV file of links: what the export writes into each, and what the import reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import orjson
from django.core.exceptions import ValidationError
from django.db.models import QuerySet

from accounts.host_names import normalize_host
from links.models import Conversion, Datapoint, DatapointKind, Domain, Mode, ReferrerClean, Script, Status
from links.permissions import LinkScope
from links.selectors import find_tags, split_names

MODES = {mode.name.lower(): mode.value for mode in Mode}
STATUSES = {status.label.lower(): status.value for status in Status if status != Status.DELETED}
KINDS = {"link": DatapointKind.LINK.value, "pixel": DatapointKind.PIXEL.value}
REFERRERS = {mode.name.lower(): mode.value for mode in ReferrerClean}
REDIRECTS = {"permanent": 301, "temporary": 307}
YES, NO = ("yes", "true", "1"), ("no", "false", "0")
NamedRow = TypeVar("NamedRow", Conversion, Script)


@dataclass(frozen=True)
class CsvColumn:
    """One column. `field` is the argument of `datapoint_create` that `read` gives for a cell that is not
    empty; without `field` the import ignores the column. `read` raises ValidationError."""

    name: str
    write: Callable[[Datapoint], object]
    field: str = ""
    read: Callable[[LinkScope, str], object] = lambda scope, text: text


def build_text_column(name: str) -> CsvColumn:
    """Build a column of text."""
    return CsvColumn(name, lambda row: getattr(row, name), name)


def build_flag_column(name: str) -> CsvColumn:
    """Build a column of yes or empty."""
    return CsvColumn(
        name, lambda row: "yes" if getattr(row, name) else "", name, lambda scope, cell: parse_flag(name, cell)
    )


def build_time_column(name: str) -> CsvColumn:
    """Build a column of a time in ISO 8601."""
    return CsvColumn(
        name, lambda row: format_time(getattr(row, name)), name, lambda scope, cell: parse_time(name, cell)
    )


def build_choice_column(name: str, words: dict[str, int]) -> CsvColumn:
    """Build a column whose number is written as a word; the import also reads the number."""
    names = {number: word for word, number in words.items()}
    return CsvColumn(
        name, lambda row: names.get(getattr(row, name), ""), name, lambda scope, cell: parse_choice(name, words, cell)
    )


def parse_flag(name: str, cell: str) -> bool:
    """Parse yes or no. Raises ValidationError."""
    if cell.lower() not in YES + NO:
        raise ValidationError({name: f"{name} is yes or no, not “{cell[:20]}”."})
    return cell.lower() in YES


def parse_choice(name: str, words: dict[str, int], cell: str) -> int:
    """Parse one of `words`, or its number. Raises ValidationError."""
    word = cell.lower()
    number = words.get(word, int(word) if word.isascii() and word.isdigit() and len(word) < 5 else -1)
    if number not in words.values():
        raise ValidationError({name: f"{name} is one of {', '.join(words)}, not “{cell[:20]}”."})
    return number


def format_time(value: datetime | None) -> str:
    """Format a time in ISO 8601, UTC; "" for None."""
    return value.astimezone(UTC).isoformat(timespec="seconds") if value else ""


def parse_time(name: str, cell: str) -> datetime:
    """Parse a time in ISO 8601, in UTC unless it has an offset. Raises ValidationError."""
    try:
        moment = datetime.fromisoformat(cell)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ValidationError({name: f"{name} is a time such as 2026-03-31T18:00:00+02:00."}) from None
    return moment


def parse_rules(scope: LinkScope, cell: str) -> dict[str, object]:
    """Parse rules from JSON. Raises ValidationError."""
    try:
        rules = orjson.loads(cell)
    except ValueError:
        rules = None
    if not isinstance(rules, dict):
        raise ValidationError({"rules": "rules is a JSON object, as the export writes it."})
    return rules


def find_domain(scope: LinkScope, cell: str) -> Domain:
    """Find the domain by its name, so that no link moves to another one unnoticed. Raises ValidationError."""
    domain = scope.domains().filter(name=normalize_host(cell)).order_by("account").last()
    if domain is None:
        raise ValidationError(
            {"domain": f"“{cell[:100]}” is not one of your link domains; add it there, or leave it empty."}
        )
    return domain


def find_rows_by_name(rows: QuerySet[NamedRow], cell: str, what: str) -> list[NamedRow]:
    """Find rows by their names, separated by commas. Raises ValidationError for a missing one."""
    by_name = {row.name.lower(): row for row in rows}
    names = [cell] if cell.lower() in by_name else split_names(cell)
    if missing := [name for name in names if name.lower() not in by_name]:
        raise ValidationError({what: f"The {what} “{missing[0][:100]}” does not exist; create it first."})
    return [by_name[name.lower()] for name in names]


COLUMNS: tuple[CsvColumn, ...] = (
    build_text_column("alias"), build_text_column("title"), build_text_column("url"),
    CsvColumn("group", lambda row: row.group.name),  # read by the import itself, which creates missing groups
    CsvColumn("tags", lambda row: ",".join(tag.name for tag in row.tags.all()), "tags",
           lambda scope, cell: find_tags(scope, split_names(cell))),
    CsvColumn("domain", lambda row: row.domain.name, "domain", find_domain),
    build_choice_column("status", STATUSES), build_choice_column("kind", KINDS),
    CsvColumn("redirect_type", lambda row: row.redirect_type, "redirect_type",
           lambda scope, cell: parse_choice("redirect_type", REDIRECTS, cell)),
    build_choice_column("mode", MODES),
    CsvColumn("rules", lambda row: json.dumps(row.rules, ensure_ascii=False) if row.rules else "", "rules",
              parse_rules),
    build_text_column("first_url"), build_flag_column("append_query"), build_flag_column("hide_url"),
    build_text_column("hide_url_title"),
    build_flag_column("encode_url"),
    build_choice_column("referrer_clean", REFERRERS),
    CsvColumn("protected", lambda row: "yes" if row.password else ""),
    CsvColumn("password", lambda row: "", "password"),
    build_time_column("starts"), build_time_column("expiration_date"), build_text_column("url_after_date"),
    build_flag_column("pause_after_date"),
    CsvColumn("expiration_clicks", lambda row: row.expiration_clicks or "", "expiration_clicks"),
    build_text_column("url_after_clicks"), build_flag_column("pause_after_clicks"), build_flag_column("encode_ip"),
    build_flag_column("light_tracking"),
    build_flag_column("redirect_only"), CsvColumn("cost", lambda row: f"{row.cost:f}" if row.cost else "", "cost"),
    CsvColumn("conversions", lambda row: ",".join(attached.conversion.name for attached in row.attached.all()),
           "conversions",
           lambda scope, cell: find_rows_by_name(scope.conversions().filter(deleted=None), cell, "conversion")),
    CsvColumn("scripts", lambda row: ",".join(script.name for script in row.scripts.all()), "scripts",
           lambda scope, cell: find_rows_by_name(scope.scripts(), cell, "retargeting script")),
    build_flag_column("favourite"), build_text_column("notes"),
)  # fmt: skip


def read_fields(scope: LinkScope, line: dict[str, str]) -> dict[str, Any]:
    """Read a line into the arguments of `datapoint_create`. Raises ValidationError."""
    if line.get("protected", "").lower() in YES and not line.get("password"):
        raise ValidationError(
            {"password": "This link has a password, which the export leaves out; write one into the column password."}
        )
    cells = ((column, line.get(column.name, "")) for column in COLUMNS if column.field)
    return {column.field: column.read(scope, cell) for column, cell in cells if cell}
