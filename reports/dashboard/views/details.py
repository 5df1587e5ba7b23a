"""The full table of one dimension: search, order, pages, and the same as a file."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, replace

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from reports.dashboard.fragments import QUERY_ERRORS, describe_error
from reports.dashboard.presenters.exports import FORMATS, build_export, record_export
from reports.dashboard.presenters.tables import TableRow, build_rows
from reports.dashboard.presenters.toolbar import build_toolbar
from reports.dashboard.report_page import get_htmx_target
from reports.dashboard.scope import Context
from reports.dashboard.state import ReportState
from reports.formatting import FormattedValue, format_metric
from reports.query import Query, Result, ask
from reports.query.dimensions import Dimension, get_dimension
from reports.query.errors import QueryRefused
from reports.query.metrics import METRICS

PAGE_ROWS = 50
MAX_OFFSET = 1_000_000
MAX_EXPORT_ROWS = 100_000
COLUMNS = ("visitors", "visits", "views", "bounce_rate", "avg_duration", "conversions", "revenue")
EVENT_COLUMNS = ("visitors", "visits", "events", "revenue")
CONVERSION_COLUMNS = ("conversions", "revenue")
GOAL_COLUMNS = ("visitors", "conversions", "conversion_rate", "revenue")


@dataclass(frozen=True)
class ColumnHeader:
    """The heading of a column; its link orders the table by the column."""

    label: str
    doc: str
    href: str
    sort: str  # ascending, descending or empty


@dataclass(frozen=True)
class DetailsRow:
    """A row of the table: its value with links, and a cell per metric."""

    row: TableRow
    cells: list[FormattedValue]


def choose_columns(dimension: Dimension, state: ReportState) -> tuple[str, ...]:
    """Return the metrics that are meaningful for a dimension, with the conversion rate where the filter has a goal.

    Not a page reaches a goal but its visitors do: by page only the rate is listed, without conversions and revenue.
    """
    if dimension.name == "goal":
        return GOAL_COLUMNS
    columns = EVENT_COLUMNS if dimension.kinds or dimension.name.startswith("prop:") else COLUMNS
    if not state.has_goal_filter:
        return columns
    conversions = () if dimension.side == "event" else CONVERSION_COLUMNS
    others = (name for name in columns[1:] if name not in CONVERSION_COLUMNS)
    return ("visitors", "conversion_rate", *conversions, *others)


def details(request: HttpRequest, state: ReportState, name: str) -> HttpResponse:
    """Display the table as a page, as a fragment for htmx, or send it as a file (`?format=csv|json|xml`)."""
    dimension = find_dimension(name, state.scope.dimensions)
    if (file_format := request.GET.get("format", "")) in FORMATS:
        record_export(state, name)
        return export_table(state, dimension, file_format)
    context = {
        **build_toolbar(request, state),
        "without_comparison": True,
        **build_page(state, dimension, choose_columns(dimension, state)),
        "section": "details",
        "dimension": dimension,
    }
    is_fragment = get_htmx_target(request) == "report"
    return render(request, "reports/_details.html" if is_fragment else state.scope.templates["details"], context)


def find_dimension(name: str, allowed: Container[str] | None) -> Dimension:
    """Return the dimension of that name. Raises Http404 for one that has no table or is not among those allowed."""
    try:
        dimension = get_dimension(name, "")
    except QueryRefused as error:
        raise Http404("No such table.") from error
    if not dimension.groupable or (allowed is not None and dimension.name not in allowed):
        raise Http404("No such table.")
    return dimension


def export_table(state: ReportState, dimension: Dimension, file_format: str) -> HttpResponse:
    """Return the complete table as a file, up to MAX_EXPORT_ROWS rows."""
    columns = choose_columns(dimension, state)
    result = ask(build_query(state, dimension, columns, MAX_EXPORT_ROWS), now=state.now)
    return build_export(file_format, f"{state.site.domain}-{dimension.name}", (dimension.name, *columns), result.rows)


def parse_order(state: ReportState, columns: tuple[str, ...], name: str) -> tuple[str, str]:
    """Return (column, "asc" or "desc"): `order=views` is largest first, `order=-views` smallest first.

    The dimension itself (`name`) is ordered the other way, because A to Z is what is expected first.
    """
    chosen = state.option("order", columns[0])
    key = chosen.removeprefix("-")
    if key not in (*columns, name):
        return columns[0], "desc"
    descending = chosen.startswith("-") == (key == name)
    return key, "desc" if descending else "asc"


def build_query(
    state: ReportState,
    dimension: Dimension,
    columns: tuple[str, ...],
    limit: int,
    offset: int = 0,
    totals: bool = False,
) -> Query:
    """Return the query of the table with its search and order."""
    order = (parse_order(state, columns, dimension.name),)
    return state.build_query(
        columns,
        (dimension.name,),
        order=order,
        search=state.option("q"),
        limit=limit,
        offset=offset,
        totals=totals,
    )


def build_page(state: ReportState, dimension: Dimension, columns: tuple[str, ...]) -> Context:
    """Return the context of one page of the table, or of the reason why it cannot be displayed."""
    offset = state.offset
    base = {
        "headers": build_headers(state, dimension, columns), "search": state.option("q"),
        "formats": list_exports(state), "label": dimension.label,
        "back": state.with_view({"q": "", "order": "", "from": ""}).href(state.scope.home_path),
        "hidden_search": state.list_parameters_without("q", "from"),
    }  # fmt: skip
    try:
        limit, start = PAGE_ROWS + 1, min(offset, MAX_OFFSET)
        result = ask(build_query(state, dimension, columns, limit=limit, offset=start, totals=True), now=state.now)
    except QUERY_ERRORS as error:
        return {**base, "failed": describe_error(error)}
    page = replace(result, rows=result.rows[:PAGE_ROWS])
    totals, currency = result.totals or {}, result.meta.currency
    return {
        **base,
        "lines": build_details_rows(state, dimension.name, columns, page),
        "first": offset + 1,
        "last": offset + len(page.rows),
        "next": build_page_href(state, offset + PAGE_ROWS) if len(result.rows) > PAGE_ROWS else "",
        "previous": build_page_href(state, offset - PAGE_ROWS) if offset else "",
        "totals": [format_metric(name, totals.get(name), state.locale, currency=currency) for name in columns],
    }


def build_page_href(state: ReportState, offset: int) -> str:
    """Return the link to the page that begins at `offset`."""
    return state.with_view({"from": str(offset) if offset > 0 else ""}).href()


def build_details_rows(state: ReportState, name: str, columns: tuple[str, ...], result: Result) -> list[DetailsRow]:
    """Format the rows. The bar behind a row is of the metric by which the table is ordered."""
    sorted_by, _ = parse_order(state, columns, name)
    table_rows = build_rows(state, name, (sorted_by if sorted_by in columns else columns[0],), result)
    rows = []
    for row, values in zip(table_rows, result.rows, strict=True):
        currency = values.get("currency") or result.meta.currency
        cells = [format_metric(metric, values.get(metric), state.locale, currency=currency) for metric in columns]
        rows.append(DetailsRow(row, cells))
    return rows


def build_headers(state: ReportState, dimension: Dimension, columns: tuple[str, ...]) -> list[ColumnHeader]:
    """Return the headings. The link of a heading orders by its column, or reverses the order."""
    key, direction = parse_order(state, columns, dimension.name)
    headers = []
    for name in (dimension.name, *columns):
        label, doc = (
            (dimension.label, dimension.doc) if name == dimension.name else (METRICS[name].label, METRICS[name].doc)
        )
        order = f"-{name}" if name == key and not state.option("order").startswith("-") else name
        sort = "" if name != key else "descending" if direction == "desc" else "ascending"
        headers.append(ColumnHeader(label, doc, state.with_view({"order": order, "from": ""}).href(), sort))
    return headers


def list_exports(state: ReportState) -> list[tuple[str, str]]:
    """Return (label, address) of the file formats of a table."""
    href = state.with_view({"from": ""}).href()
    separator = "&" if "?" in state.href() else "?"
    return [(name.upper(), f"{href}{separator}format={name}") for name in FORMATS]
