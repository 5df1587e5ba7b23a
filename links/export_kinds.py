"""What can be exported of links: those of the caller's scope, as the CSV file of their page has them."""

from __future__ import annotations

from collections.abc import Iterator

from django.core.exceptions import ValidationError
from django.http import QueryDict

from accounts.exports.registry import ExportKind, ExportRequest, Row
from accounts.models import Area
from links.permissions import build_link_scope
from links.web.csv_files import CSV_HEADINGS, EXPORT_ROWS, build_csv_rows
from links.web.link_list import filter_links
from reports.query.budgets import limit_queries

FILTERS = frozenset({"status", "kind", "q", "group", "tag", "favourite"})


def check_links(request: ExportRequest) -> None:
    """Raise ValidationError for a caller who sees no links, and for filters that their list does not have."""
    if not build_link_scope(request.membership).may_anything("view"):
        raise ValidationError({"kind": "You may see no links here."})
    if unknown := sorted(set(QueryDict(request.query)) - FILTERS):
        raise ValidationError({"query": f"Not a filter of the list of links: {', '.join(unknown)}."})


def read_links(request: ExportRequest) -> Iterator[Row]:
    """Yield the links, newest first, with the clicks of the last 30 days."""
    scope = build_link_scope(request.membership)
    link_ids = list(filter_links(QueryDict(request.query), scope).values_list("pk", flat=True))
    yield CSV_HEADINGS
    for first in range(0, len(link_ids), EXPORT_ROWS):
        with limit_queries():
            rows = build_csv_rows(scope, link_ids[first : first + EXPORT_ROWS])
        yield from rows


LINK_EXPORTS = (
    ExportKind(
        name="links",
        label="Links",
        area=Area.LINKS,
        check=check_links,
        read=read_links,
        uses=frozenset({"query"}),
    ),
)
