"""CSV files of links: export streamed in parts, import line by line."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from accounts.audit.repetition import record_exported
from accounts.models import User
from accounts.notices.kinds import IMPORT_ENDED
from accounts.notices.services import notify
from accounts.spreadsheets import BYTE_ORDER_MARK, format_csv, unescape_formula
from links.models import Group
from links.permissions import LinkScope
from links.public_urls import build_tracking_url
from links.services import links as services
from links.services.groups import group_create
from links.web.csv_columns import COLUMNS, read_fields
from links.web.link_list import filter_links, query_recent_counts
from links.web.page_layout import links_page, render_page

MAX_GROUP_NAME = 200
EXPORT_ROWS = 1000  # links per part: as many as one condition of a query may name
MAX_IMPORT_LINES = 5000
MAX_IMPORT_BYTES = 5_000_000
EXPORT_ONLY_COLUMNS = ("clicks", "unique_clicks", "tracking_url")  # columns that only the export has
CSV_HEADINGS = (*(column.name for column in COLUMNS), *EXPORT_ONLY_COLUMNS)
LineErrors = list[tuple[int, str]]


@require_safe
@links_page("list")
def export_csv(request: HttpRequest, scope: LinkScope) -> StreamingHttpResponse:
    """Export all filtered links as CSV, with the clicks of the last 30 days."""
    link_ids = list(filter_links(request.GET, scope).values_list("pk", flat=True))
    record_exported("link.exported", None, accounts=[scope.account.pk], label=f"{len(link_ids)} links")
    response = StreamingHttpResponse(stream_csv(scope, link_ids), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="links.csv"'
    return response


async def stream_csv(scope: LinkScope, link_ids: list[int]) -> AsyncIterator[bytes]:
    """Yield the header line, then EXPORT_ROWS links at a time, each part read after the previous one was sent."""
    yield (BYTE_ORDER_MARK + format_csv([CSV_HEADINGS])).encode()
    for first in range(0, len(link_ids), EXPORT_ROWS):
        rows = await sync_to_async(build_csv_rows)(scope, link_ids[first : first + EXPORT_ROWS])
        yield format_csv(rows).encode()


def build_csv_rows(scope: LinkScope, link_ids: list[int]) -> list[tuple[object, ...]]:
    """Build the lines of the links with these ids, in this order."""
    related = ("tags", "scripts", "attached__conversion")
    rows = scope.datapoints().prefetch_related(*related).in_bulk(link_ids)
    listed = [rows[number] for number in link_ids if number in rows]
    counts = query_recent_counts(scope, listed, ("clicks", "unique_clicks"))
    return [
        (
            *(column.write(row) for column in COLUMNS),
            counted.get("clicks", 0), counted.get("unique_clicks", 0), build_tracking_url(row),
        )
        for row in listed
        for counted in [counts.get(row.pk, {})]
    ]  # fmt: skip


@links_page("list", may="edit")
def import_csv(request: HttpRequest, scope: LinkScope) -> HttpResponse:
    """Import links from a CSV file with at least a column `url`; errors are displayed by line, the other lines are
    imported."""
    imported, errors = 0, LineErrors()
    if request.method == "POST":
        try:
            imported, errors = import_lines(scope, read_upload(request))
        except ValidationError as error:
            errors = [(1, " ".join(error.messages))]
        notify_of_import(request, scope, imported, len(errors))
        if not errors:
            messages.success(request, f"{imported} links were imported.")
            return redirect("links:list")
    return render_page(request, scope, "import", imported=imported, errors=errors)


def notify_of_import(request: HttpRequest, scope: LinkScope, imported: int, refused: int) -> None:
    """Put the end of an import into the person's inbox, for those who left the page meanwhile."""
    if isinstance(request.user, User):
        values = {"imported": imported, "refused": refused}
        notify(IMPORT_ENDED, values, account=scope.account, person=request.user)


def read_upload(request: HttpRequest) -> str:
    """Read the uploaded file or the text field. Raises ValidationError for a file that is too large."""
    file = request.FILES.get("file")
    if file is None:
        return request.POST.get("text", "").removeprefix(BYTE_ORDER_MARK)
    if (file.size or 0) > MAX_IMPORT_BYTES:
        raise ValidationError(
            f"A file may have at most {MAX_IMPORT_BYTES // 1_000_000} MB. Split it into several. Nothing was imported."
        )
    content: bytes = file.read()
    return content.decode("utf-8-sig", "replace")


def import_lines(scope: LinkScope, text: str) -> tuple[int, LineErrors]:
    """Create links; return how many, and the errors of the other lines as (line number, sentence)."""
    imported, number, errors = 0, 1, LineErrors()
    try:
        for number, line in enumerate(csv.DictReader(io.StringIO(text)), 2):
            if number > MAX_IMPORT_LINES:
                rest = f"At most {MAX_IMPORT_LINES:,} lines at once; this one and the rest were left out."
                errors.append((number, rest))
                break
            try:
                import_line(scope, read_cells(line))
                imported += 1
            except ValidationError as error:
                errors.append((number, " ".join(error.messages)))
    except csv.Error as error:
        errors.append((number + 1, f"From this line on this is not CSV: {error}."))
    return imported, errors


def read_cells(line: dict[object, object]) -> dict[str, str]:
    """Read the cells of a line by their columns' names in lower case."""
    return {
        str(name or "").strip().lower(): unescape_formula(value.strip()) if isinstance(value, str) else ""
        for name, value in line.items()
    }


@transaction.atomic
def import_line(scope: LinkScope, line: dict[str, str]) -> None:
    """Create the link of one line, and its group if there is none of that name. Raises ValidationError.

    Every column of the export is read but the counts. The link lies on the domain that the line names.
    """
    group: Group | None = None
    if name := line.get("group", "")[:MAX_GROUP_NAME]:
        group = scope.groups(may="edit").filter(name__iexact=name, deleted=None).first()
        if group is None and scope.edits_all:
            group = group_create(account=scope.account, name=name)
    if group is None and not scope.edits_all:
        raise ValidationError({"group": "Name a group you may write to."})
    services.datapoint_create(account=scope.account, group=group, **read_fields(scope, line))
