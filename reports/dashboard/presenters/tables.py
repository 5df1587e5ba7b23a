"""Tables of a report: the first rows of a breakdown, queried and formatted. And the visitors who are online."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from babel.numbers import format_decimal

from goals.selectors import list_active_goals
from reports.change_drivers import MAX_VALUES
from reports.dashboard.fragments import Fragment, fetch_or_none
from reports.dashboard.panels import Panel, Tab
from reports.dashboard.state import ReportState
from reports.formatting import FormattedValue, format_metric
from reports.labels import label_value
from reports.query import Meta, Query, Result, ask
from reports.query.dimensions import get_dimension
from reports.query.metrics import METRICS
from reports.query.model import Row
from sites.amounts import round_half_up

PANEL_ROWS = 9
ONLINE_METRICS = ("online",)
RowLinks = tuple[Callable[[str], str], Callable[[str], str]]  # to the report of only a value, and of all but it


@dataclass(frozen=True, kw_only=True)
class TableRow:
    """One row of a panel or table. `share`: 0 to 100, of the largest row, for the bar behind it."""

    value: str
    name: str
    formatted: FormattedValue
    second: FormattedValue | None
    share: str
    percent: str
    href: str
    exclude_url: str
    external_url: str = ""  # the external address of a referrer or link

    @property
    def level(self) -> str:
        """The class of a country's colour, q1 to q5: by square root, since one country usually has most visitors."""
        return f"q{min(5, int((float(self.share) / 100) ** 0.5 * 5) + 1)}"


@dataclass(kw_only=True)
class PanelTable:
    """The open tab of a panel, ready for the template."""

    panel: Panel
    tab: Tab
    rows: list[TableRow] = field(default_factory=list)
    label: str = ""
    metric: str = ""
    second: str = ""
    details: str = ""
    filtered: bool = False
    failed: str = ""
    estimated: str = ""  # the error in words, empty where the numbers are exact
    explain_url: str = ""
    tabs: list[tuple[Tab, str]] = field(default_factory=list)
    more_tabs: list[tuple[Tab, str]] = field(default_factory=list)


def build_table_fragment(
    state: ReportState, panel: Panel, tab: Tab, max_rows: int = PANEL_ROWS
) -> Fragment[PanelTable]:
    """Return the fragment of one tab: the first rows by its metric.

    `max_rows` is larger than what the panel displays where another fragment needs more rows of the same query.
    """

    def build_failure(reason: str) -> PanelTable:
        table = build_empty_table(state, panel, tab)
        table.failed = reason
        return table

    return Fragment(
        lambda: build_queries(state, tab, max_rows),
        lambda results: fill_table(state, panel, tab, results),
        build_failure,
    )


def build_queries(state: ReportState, tab: Tab, max_rows: int) -> list[Query]:
    """Return the queries of a tab's rows and of their total, which most tabs share. Empty where there are no goals."""
    if tab.dimension == "goal" and not list_active_goals(state.site_ids):
        return []
    limit = MAX_VALUES if tab.map else max(max_rows, len(tab.all_values))
    rows = state.build_query(list_metrics(state, tab), (tab.dimension,), limit=limit)
    return [rows, state.build_query((tab.metric,))]


def list_metrics(state: ReportState, tab: Tab) -> tuple[str, ...]:
    """Return the tab's metric and its second one: the conversion rate where the filter selects a goal."""
    second = tab.second
    if state.has_goal_filter and tab.metric == "visitors" and tab.dimension != "goal":
        second = "conversion_rate"
    return (tab.metric, second) if second else (tab.metric,)


def build_empty_table(state: ReportState, panel: Panel, tab: Tab) -> PanelTable:
    """Return the tab without its rows: labels and links."""
    table = PanelTable(
        panel=panel, tab=tab, label=get_dimension(tab.dimension, "").label, metric=METRICS[tab.metric].label
    )
    table.second = "".join(METRICS[name].label for name in list_metrics(state, tab)[1:])
    table.filtered = bool(state.conditions or state.segment)
    if state.scope.has_details:
        path = f"{state.scope.root_path}/details/{tab.dimension}"
        table.details = state.view_href({"from": "", "q": "", "order": ""}, path)
    links = [(other, state.view_href({f"tab.{panel.name}": other.name})) for other in panel.tabs]
    table.tabs, table.more_tabs = links[: panel.visible_tabs], links[panel.visible_tabs :]
    return table


def fill_table(state: ReportState, panel: Panel, tab: Tab, results: Sequence[Result]) -> PanelTable:
    """Return the tab with its rows, from the results of `build_queries`."""
    table = build_empty_table(state, panel, tab)
    if not results:
        return table
    result, total = results
    rows = [row for row in result.rows if row.get(tab.metric)]
    rows = add_missing_values(tab, rows) if tab.all_values else rows if tab.map else rows[:PANEL_ROWS]
    complete = replace(result, rows=rows, totals=total.rows[0])
    table.rows = build_rows(state, tab.dimension, list_metrics(state, tab), complete)
    table.estimated = format_error(tab.metric, result.meta, state)
    table.explain_url = state.explain_href(tab.metric, tab.dimension)
    return table


def add_missing_values(tab: Tab, rows: list[Row]) -> list[Row]:
    """Return a row for every value the tab always lists, in their order, with zeros where nothing happened."""
    by_value = {row[tab.dimension]: row for row in rows}
    if not by_value:
        return []
    return [by_value.get(value, {tab.dimension: value, tab.metric: 0}) for value in tab.all_values]


def build_rows(state: ReportState, name: str, metrics: tuple[str, ...], result: Result) -> list[TableRow]:
    """Format the rows of a breakdown by the dimension `name`."""
    if not result.rows:
        return []
    values = [max(float(row.get(metrics[0]) or 0), 0) for row in result.rows]
    largest = max(values, default=0) or 1
    total = float((result.totals or {}).get(metrics[0]) or 0)
    goals = {str(goal.pk): goal.name for goal in list_active_goals(state.site_ids)} if name == "goal" else {}
    links = (state.build_filter_link(name), state.build_filter_link(name, "is_not"))
    rows = []
    for row, value in zip(result.rows, values, strict=True):
        share, percent = value / largest * 100, value / total * 100 if total else None
        rows.append(build_row(state, links, name, metrics, row, share, percent, goals, result.meta.currency))
    return rows


def build_row(
    state: ReportState, links: RowLinks, name: str, metrics: tuple[str, ...], row: Row, share: float,
    percent: float | None, goals: dict[str, str], currency: str,
) -> TableRow:  # fmt: skip
    """Format one row. `share`: percent of the largest row; `percent`: of the total; `goals`: goal id to name."""
    kind = get_dimension(name, "")
    value = str(row[name])
    currency = row.get("currency") or currency
    return TableRow(
        value=value,
        name=goals.get(value) or label_value(kind, value),
        formatted=format_metric(metrics[0], row.get(metrics[0]), state.locale, currency=currency),
        second=format_metric(metrics[1], row.get(metrics[1]), state.locale, currency=currency)
        if len(metrics) > 1
        else None,
        share=f"{share:.1f}",
        percent=format_share(percent),
        href=links[0](value),
        exclude_url=links[1](value),
        external_url=value if kind.format == "url" else "",
    )


def format_share(percent: float | None) -> str:
    """Format a share of the total: "<0.1%", "4.2%", "42%"; empty for None."""
    if percent is None:
        return ""
    if 0 < percent < 0.1:
        return "<0.1%"
    return f"{round_half_up(percent, 1 if percent < 10 else 0)}%"


def format_error(name: str, meta: Meta, state: ReportState) -> str:
    """Return the error of an estimated metric, such as "about 1.6%"; empty for an exact one."""
    if meta.exact or name not in meta.estimated:
        return ""
    return f"about {format_decimal(round_half_up(meta.error * 100, 1), locale=state.locale)}%"


def count_online(state: ReportState) -> int | None:
    """Return the visitors of the last five minutes; None when the store does not answer."""
    return fetch_or_none(lambda: read_online([ask(state.build_query(ONLINE_METRICS), now=state.now)]))


def build_online_fragment(state: ReportState) -> Fragment[int | None]:
    """Return the fragment of the visitors who are online."""
    return Fragment(lambda: [state.build_query(ONLINE_METRICS)], read_online, lambda reason: None)


def read_online(results: Sequence[Result]) -> int:
    """Return the number of visitors online from its result."""
    return int(results[0].rows[0]["online"] or 0)
