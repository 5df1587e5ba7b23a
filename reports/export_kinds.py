"""What can be exported of reports: the full table of a dimension, and the hits one by one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta

from babel import Locale
from django.core.exceptions import ValidationError
from django.http import Http404, QueryDict

from accounts.exports.registry import ExportKind, ExportRequest, Row
from accounts.models import Area
from accounts.permissions import Bearer
from reports.dashboard.scope import ReportScope
from reports.dashboard.state import ReportState, parse_state
from reports.dashboard.views.details import MAX_EXPORT_ROWS, build_query, choose_columns, find_dimension
from reports.query import ask
from reports.query.analyses.visit_lists import ACTION, list_actions
from reports.query.budgets import limit_queries
from reports.query.dimensions import Dimension
from reports.query.errors import QueryRefused
from reports.query.model import MAX_ROWS
from reports.query.periods import Period
from sites.models import Site
from sites.selectors import get_site_for_actor
from tracking.event import Event

MAX_HITS, MAX_HIT_DAYS = 100_000, 400
LOCALE = Locale("en")  # of labels, which files do not have


def find_site(request: ExportRequest) -> Site:
    """Find the site that the export is of. Raises ValidationError for one that the caller may not see."""
    if request.site is None:
        raise ValidationError({"site": "Name the site by its id."})
    try:
        return get_site_for_actor(Bearer(membership=request.membership), request.site)
    except Http404 as error:
        raise ValidationError({"site": f"There is no site {request.site} that you may see."}) from error


def read_request_state(request: ExportRequest) -> ReportState:
    """Read the state of the page whose address was given. Raises ValidationError for what cannot be queried."""
    scope = ReportScope(site=find_site(request))
    params, path = QueryDict(request.query), scope.home_path
    try:
        return parse_state(params, scope, request.now, path, LOCALE, request.membership.user_id)
    except QueryRefused as error:
        raise ValidationError({"query": error.sentence}) from error


def find_table(request: ExportRequest) -> Dimension:
    """Find the dimension whose table is exported. Raises ValidationError."""
    try:
        return find_dimension(request.table, None)
    except Http404 as error:
        raise ValidationError({"table": "There is no such table. Name a dimension, such as page."}) from error


def check_report(request: ExportRequest) -> None:
    """Raise ValidationError for a site, table or filter that there is not."""
    read_request_state(request)
    find_table(request)


def read_report(request: ExportRequest) -> Iterator[Row]:
    """Yield the rows of the table, as the CSV file of its page has them. Raises ValidationError for a refused query."""
    state, dimension = read_request_state(request), find_table(request)
    columns = choose_columns(dimension, state)
    try:
        with limit_queries():
            result = ask(build_query(state, dimension, columns, MAX_EXPORT_ROWS), now=state.now)
    except QueryRefused as error:
        raise ValidationError({"query": error.sentence}) from error
    yield (dimension.name, *columns)
    for row in result.rows:
        yield [row.get(name) for name in (dimension.name, *columns)]


def check_hits(request: ExportRequest) -> None:
    """Raise ValidationError for a site or filter that there is not, and for a period of too many days."""
    period = read_request_state(request).period
    if (period.end - period.start).days > MAX_HIT_DAYS:
        raise ValidationError({"query": f"Hits are exported of at most {MAX_HIT_DAYS} days; name a period."})


def read_hits(request: ExportRequest) -> Iterator[Row]:
    """Yield views, downloads, outbound clicks and events of the period that pass the filters, the newest first."""
    state, left = read_request_state(request), MAX_HITS + 1
    yield ACTION
    for period in split_by_day(state.period, request.now):
        try:
            with limit_queries():
                hits = list_actions(state.site_ids, period, state.filter, limit=min(left, MAX_ROWS), now=state.now)
        except QueryRefused as error:
            raise ValidationError({"query": error.sentence}) from error
        yield from (format_hit(hit) for hit in hits)
        left -= len(hits)
        if left <= 0:
            return


def split_by_day(period: Period, now: datetime) -> Iterator[Period]:
    """Split a period into parts of 24 hours, the last one first, so that only the hits of one are in memory."""
    end = min(period.end, max(now, period.start + timedelta(seconds=1)))
    while end > period.start:
        start = max(period.start, end - timedelta(days=1))
        yield Period(start, end, period.zone)
        end = start


def format_hit(hit: Event) -> Row:
    """Format the columns of a hit: times as ISO 8601, tags and properties as JSON."""
    return [format_cell(hit.get(name)) for name in ACTION]


def format_cell(value: object) -> object:
    """Format one value."""
    if isinstance(value, datetime):
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, dict | list | tuple) else value


REPORT_EXPORTS = (
    ExportKind(
        name="report",
        label="Report",
        area=Area.REPORTS,
        check=check_report,
        read=read_report,
        uses=frozenset({"site", "table", "query"}),
        max_rows=MAX_EXPORT_ROWS,
    ),
    ExportKind(
        name="hits",
        label="Hits",
        area=Area.REPORTS,
        check=check_hits,
        read=read_hits,
        uses=frozenset({"site", "query"}),
        max_rows=MAX_HITS,
    ),
)
