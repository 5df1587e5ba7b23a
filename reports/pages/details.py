"""The full table of one dimension: search, sort, paging, and the same as a file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from reports.engine import Query, Result, ask
from reports.engine.dimensions import Dimension, dimension
from reports.engine.refusal import QueryRefused
from reports.engine.registry import METRICS
from reports.pages.export import FORMATS, as_file
from reports.pages.frame import asked_for, bar, site_page
from reports.pages.numbers import Shown, shown
from reports.pages.parts import TROUBLE, sentence
from reports.pages.sheet import Row, rows_of
from reports.pages.state import State

PAGE = 50
MOST_EXPORTED = 100_000
COLUMNS = ("visitors", "visits", "views", "bounce_rate", "avg_duration", "conversions", "revenue")
EVENT_COLUMNS = ("visitors", "visits", "events", "revenue")
OF_GOALS = ("conversions", "revenue")
GOAL_COLUMNS = ("visitors", "conversions", "conversion_rate", "revenue")


@dataclass(frozen=True)
class Head:
    label: str
    doc: str
    href: str
    sort: str  # ascending, descending or empty


@dataclass(frozen=True)
class Line:
    row: Row
    cells: list[Shown]


def columns_of(row: Dimension, state: State) -> tuple[str, ...]:
    """The metrics that say something about a dimension; with the rate of a goal where the filter asks for one.

    A page does not reach a goal, its visitors do: there the rate stands alone.
    """
    if row.name == "goal":
        return GOAL_COLUMNS
    columns = EVENT_COLUMNS if row.kinds or row.name.startswith("prop:") else COLUMNS
    if not state.asks_for_goal:
        return columns
    of_goal = () if row.side == "event" else ("conversions", "revenue")
    return ("visitors", "conversion_rate", *of_goal, *(name for name in columns[1:] if name not in OF_GOALS))


@site_page
def details(request: HttpRequest, state: State, name: str) -> HttpResponse:
    """The table as a page, its part for htmx, or a file (`?format=csv|json|xml`)."""
    row = table_named(name)
    if (wanted := request.GET.get("format", "")) in FORMATS:
        return exported(state, row, wanted)
    context = {
        **bar(request, state),
        "no_compare": True,
        **page_of(state, row, columns_of(row, state)),
        "section": "details",
        "dimension": row,
    }
    part = asked_for(request) == "sheet"
    return render(request, "reports/_details.html" if part else "reports/details.html", context)


def table_named(name: str) -> Dimension:
    """The dimension of that name. Http404 for one that has no table."""
    try:
        row = dimension(name, "")
    except QueryRefused as error:
        raise Http404("No such table.") from error
    if not row.breakdown:
        raise Http404("No such table.")
    return row


def exported(state: State, row: Dimension, wanted: str) -> HttpResponse:
    """The whole table as a file."""
    columns = columns_of(row, state)
    result = ask(question(state, row, columns, limit=MOST_EXPORTED), now=state.now)
    return as_file(wanted, f"{state.site.domain}-{row.name}", (row.name, *columns), result.rows)


def order_of(state: State, columns: tuple[str, ...], name: str) -> tuple[str, str]:
    """`order=views` is largest first, `order=-views` smallest first."""
    chosen = state.option("order", columns[0])
    key = chosen.removeprefix("-")
    if key not in (*columns, name):
        return columns[0], "desc"
    down = chosen.startswith("-") == (key == name)
    return key, "desc" if down else "asc"


def question(state: State, row: Dimension, columns: tuple[str, ...], **more: Any) -> Query:
    search = state.option("q")
    return state.query(columns, (row.name,), order=(order_of(state, columns, row.name),), search=search, **more)


def page_of(state: State, row: Dimension, columns: tuple[str, ...]) -> dict[str, Any]:
    """One page of the table, or the sentence that says why there is none."""
    offset = int(state.option("from", "0")) if state.option("from", "0").isdigit() else 0
    base = {
        "heads": heads(state, row, columns), "search": state.option("q"), "formats": exports(state),
        "label": row.label,
        "back": state.shown_with({"q": "", "order": "", "from": ""}).href(f"{state.home}/"),
        "hidden_search": [pair for pair in state.pairs() if pair[0] not in ("q", "from")],
    }  # fmt: skip
    try:
        query = question(state, row, columns, limit=PAGE + 1, offset=min(offset, 1_000_000), totals=True)
        result = ask(query, now=state.now)
    except TROUBLE as error:
        return {**base, "failed": sentence(error)}
    result_page = replace(result, rows=result.rows[:PAGE])
    return {
        **base,
        "lines": lines(state, row.name, columns, result_page),
        "first": offset + 1,
        "last": offset + len(result_page.rows),
        "next": turned(state, offset + PAGE) if len(result.rows) > PAGE else "",
        "previous": turned(state, offset - PAGE) if offset else "",
        "totals": [
            shown(one, (result.totals or {}).get(one), state.locale, currency=result.meta.currency) for one in columns
        ],
    }  # fmt: skip


def turned(state: State, offset: int) -> str:
    """The link to the page that begins at `offset`."""
    return state.shown_with({"from": str(offset) if offset > 0 else ""}).href()


def lines(state: State, name: str, columns: tuple[str, ...], result: Result) -> list[Line]:
    sorted_by, _ = order_of(state, columns, name)
    rows = rows_of(state, name, (sorted_by if sorted_by in columns else columns[0],), result)
    found = []
    for row, values in zip(rows, result.rows, strict=True):
        currency = values.get("currency") or result.meta.currency
        found.append(Line(row, [shown(one, values.get(one), state.locale, currency=currency) for one in columns]))
    return found


def heads(state: State, row: Dimension, columns: tuple[str, ...]) -> list[Head]:
    """The headings, each a link that sorts by it, or turns the order round."""
    key, direction = order_of(state, columns, row.name)
    found = []
    for one in (row.name, *columns):
        label, doc = (row.label, row.doc) if one == row.name else (METRICS[one].label, METRICS[one].doc)
        turned = f"-{one}" if one == key and not state.option("order").startswith("-") else one
        sort = "" if one != key else "descending" if direction == "desc" else "ascending"
        found.append(Head(label, doc, state.shown_with({"order": turned, "from": ""}).href(), sort))
    return found


def exports(state: State) -> list[tuple[str, str]]:
    joint = "&" if "?" in state.href() else "?"
    return [(name.upper(), f"{state.shown_with({'from': ''}).href()}{joint}format={name}") for name in FORMATS]
