"""Export of links to CSV, streamed in parts, and import from CSV, line by line."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.views.decorators.http import require_safe

from links import belongings, services
from links.addresses import tracking_url
from links.grants import Sight
from links.models import Group
from links.pages.csv_columns import COLUMNS, fields_of
from links.pages.frame import links_page, shown
from links.pages.listing import chosen, numbers

MAX_GROUP_NAME = 200
EXPORT_ROWS = 1000  # links per part: as many as one condition of a query may name
MAX_IMPORT_LINES = 5000
MAX_IMPORT_BYTES = 5_000_000
BYTE_ORDER_MARK = "\ufeff".encode()  # without it Excel reads letters beyond ASCII wrongly
COUNTED = ("clicks", "unique_clicks", "tracking_url")  # columns that only the export has
RUN = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for a formula
Refusals = list[tuple[int, str]]


def safe_cell(value: object) -> str:
    """A cell that a spreadsheet does not run."""
    text = str(value)
    return f"'{text}" if text[:1] in RUN else text


def plain_cell(text: str) -> str:
    """A cell as it was before `safe_cell`."""
    text = text.strip()
    return text[1:] if text[:1] == "'" and text[1:2] in RUN else text


@require_safe
@links_page("list")
def export(request: HttpRequest, sight: Sight) -> StreamingHttpResponse:
    """The whole list as CSV, with the clicks of the last 30 days."""
    found = list(chosen(request, sight).values_list("pk", flat=True))
    response = StreamingHttpResponse(csv_parts(sight, found), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="links.csv"'
    return response


async def csv_parts(sight: Sight, found: list[int]) -> AsyncIterator[bytes]:
    """The header line, then EXPORT_ROWS links at a time; a part is read after the one before was sent."""
    yield BYTE_ORDER_MARK + csv_text([[*(column.name for column in COLUMNS), *COUNTED]])
    for first in range(0, len(found), EXPORT_ROWS):
        yield await sync_to_async(csv_part)(sight, found[first : first + EXPORT_ROWS])


def csv_part(sight: Sight, found: list[int]) -> bytes:
    """The lines of the links with these ids, in this order."""
    related = ("tags", "scripts", "attached__conversion")
    rows = sight.datapoints().prefetch_related(*related).in_bulk(found)
    listed = [rows[number] for number in found if number in rows]
    counts = numbers(sight, listed, ("clicks", "unique_clicks"))
    return csv_text(
        (
            *(column.write(row) for column in COLUMNS),
            counted.get("clicks", 0), counted.get("unique_clicks", 0), tracking_url(row),
        )
        for row in listed
        for counted in [counts.get(row.pk, {})]
    )  # fmt: skip


def csv_text(rows: Iterable[Iterable[object]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([safe_cell(value) for value in row] for row in rows)
    return out.getvalue().encode()


@links_page("list", may="edit")
def import_csv(request: HttpRequest, sight: Sight) -> HttpResponse:
    """Links from a CSV file with at least a column `url`; errors are shown by line, the other lines are imported."""
    made, wrong = 0, Refusals()
    if request.method == "POST":
        try:
            made, wrong = import_lines(sight, uploaded_text(request))
        except ValidationError as error:
            wrong = [(1, " ".join(error.messages))]
        if not wrong:
            messages.success(request, f"{made} links made.")
            return HttpResponseRedirect("/links")
    return shown(request, sight, "import", made=made, wrong=wrong)


def uploaded_text(request: HttpRequest) -> str:
    """The text of the uploaded file, or of the form field. Raises ValidationError for a file that is too large."""
    file = request.FILES.get("file")
    if file is None:
        return request.POST.get("text", "").removeprefix("\ufeff")
    if (file.size or 0) > MAX_IMPORT_BYTES:
        raise ValidationError(
            f"A file may have at most {MAX_IMPORT_BYTES // 1_000_000} MB. Split it into several. Nothing was imported."
        )
    return file.read().decode("utf-8-sig", "replace")


def import_lines(sight: Sight, text: str) -> tuple[int, Refusals]:
    """Create links; returns how many, and the errors of the other lines as (line number, sentence)."""
    made, number, wrong = 0, 1, Refusals()
    try:
        for number, line in enumerate(csv.DictReader(io.StringIO(text)), 2):
            if number > MAX_IMPORT_LINES:
                rest = f"At most {MAX_IMPORT_LINES:,} lines at once; this one and the rest were left out."
                wrong.append((number, rest))
                break
            try:
                import_line(sight, cells_of(line))
                made += 1
            except ValidationError as error:
                wrong.append((number, " ".join(error.messages)))
    except csv.Error as error:
        wrong.append((number + 1, f"From this line on this is not CSV: {error}."))
    return made, wrong


def cells_of(line: dict[Any, Any]) -> dict[str, str]:
    """The cells of a line by their columns' names in lower case."""
    return {
        str(name or "").strip().lower(): plain_cell(value) if isinstance(value, str) else ""
        for name, value in line.items()
    }


@transaction.atomic
def import_line(sight: Sight, line: dict[str, str]) -> None:
    """Create the link of one line, and its group if there is none of that name. Raises ValidationError.

    Every column of the export is read but the counts. The link lies on the domain that the line names.
    """
    group: Group | None = None
    if name := line.get("group", "")[:MAX_GROUP_NAME]:
        group = sight.all_groups(write=True).filter(name__iexact=name, deleted=None).first()
        if group is None and sight.writes:
            group = belongings.group_create(account=sight.account, name=name)
    if group is None and not sight.writes:
        raise ValidationError({"group": "Name a group you may write to."})
    services.datapoint_create(account=sight.account, group=group, **fields_of(sight, line))
