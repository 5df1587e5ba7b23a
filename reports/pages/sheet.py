"""Panels of a sheet: the first rows of a breakdown, asked for and made ready to show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from babel.numbers import format_decimal

from goals.querysets import goals_of
from reports.engine import Meta, Query, Result, ask
from reports.engine.dimensions import dimension
from reports.engine.registry import METRICS
from reports.moved import MOST
from reports.pages.names import value_name
from reports.pages.numbers import Shown, shown
from reports.pages.parts import Part, attempt
from reports.pages.state import State
from reports.panels import Panel, Tab

PANEL_ROWS = 9
Links = tuple[Callable[[str], str], Callable[[str], str]]  # to a value, and to everything but it
ONLINE = ("online",)


@dataclass(frozen=True)
class Row:
    """One row of a panel or table. `share`: 0 to 100, of the largest row, for the bar behind it."""

    value: str
    name: str
    shown: Shown
    second: Shown | None
    share: str
    percent: str
    href: str
    without: str
    away: str = ""  # the address outside, for referrers and links

    @property
    def level(self) -> str:
        """q1 to q5: how strong a country is drawn. By square root, since one country usually has most."""
        return f"q{min(5, int((float(self.share) / 100) ** 0.5 * 5) + 1)}"


@dataclass
class Table:
    """An open tab, ready to show."""

    panel: Panel
    tab: Tab
    rows: list[Row] = field(default_factory=list)
    label: str = ""
    metric: str = ""
    second: str = ""
    details: str = ""
    filtered: bool = False
    failed: str = ""
    estimated: str = ""  # the error in words, empty where the numbers are exact
    why: str = ""
    tabs: list[tuple[Tab, str]] = field(default_factory=list)
    folded: list[tuple[Tab, str]] = field(default_factory=list)


def table_part(state: State, panel: Panel, tab: Tab, most: int = PANEL_ROWS) -> Part[Table]:
    """One tab of a panel: the first rows by its metric. It asks for more rows only where another part does too."""

    def failed(why: str) -> Table:
        found = frame(state, panel, tab)
        found.failed = why
        return found

    return Part(lambda: questions(state, tab, most), lambda answers: filled(state, panel, tab, answers), failed)


def questions(state: State, tab: Tab, most: int) -> list[Query]:
    """The rows of a tab, and the whole they are shares of, which most tabs have in common. Nothing of no goals."""
    if tab.dimension == "goal" and not goals_of(state.ids):
        return []
    limit = MOST if tab.map else max(most, len(tab.all_values))
    rows = state.query(metrics_of(state, tab), (tab.dimension,), limit=limit, also=tab.also)
    return [rows, state.query((tab.metric,), also=tab.also)]


def metrics_of(state: State, tab: Tab) -> tuple[str, ...]:
    """The tab's metric and, beside it, its second one; where a goal is asked for, the rate of those who reached it."""
    second = tab.second
    if state.asks_for_goal and tab.metric == "visitors" and tab.dimension != "goal":
        second = "conversion_rate"
    return (tab.metric, second) if second else (tab.metric,)


def frame(state: State, panel: Panel, tab: Tab) -> Table:
    """The tab without its rows: what it is called, and where its links lead."""
    found = Table(panel, tab, label=dimension(tab.dimension, "").label, metric=METRICS[tab.metric].label)
    found.second = "".join(METRICS[name].label for name in metrics_of(state, tab)[1:])
    found.filtered = bool(state.conditions or state.segment)
    if not state.among:
        plain = state.shown_with({"from": "", "q": "", "order": ""})
        found.details = plain.href(f"{state.home}/details/{tab.dimension}")
    links = [(one, state.shown_with({f"tab.{panel.name}": one.name}).href()) for one in panel.tabs]
    found.tabs, found.folded = links[: panel.shown_tabs], links[panel.shown_tabs :]
    return found


def filled(state: State, panel: Panel, tab: Tab, answers: Sequence[Result]) -> Table:
    """The tab with its rows."""
    found = frame(state, panel, tab)
    if not answers:
        return found
    result, whole = answers
    rows = [row for row in result.rows if row.get(tab.metric)]
    rows = every_value(tab, rows) if tab.all_values else rows if tab.map else rows[:PANEL_ROWS]
    found.rows = rows_of(state, tab.dimension, metrics_of(state, tab), replace(result, rows=rows, totals=whole.rows[0]))
    found.estimated, found.why = error_of(tab.metric, result.meta, state), state.why(tab.metric, tab.dimension)
    return found


def every_value(tab: Tab, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row of every value the tab always shows, in their order; zeros where nothing happened."""
    known = {row[tab.dimension]: row for row in rows}
    if not known:
        return []
    return [known.get(value, {tab.dimension: value, tab.metric: 0}) for value in tab.all_values]


def rows_of(state: State, name: str, metrics: tuple[str, ...], result: Result) -> list[Row]:
    """The rows of a breakdown as they are shown."""
    values = [max(float(row.get(metrics[0]) or 0), 0) for row in result.rows]
    largest = max(values, default=0) or 1
    whole = float((result.totals or {}).get(metrics[0]) or 0)
    goals = {str(goal.pk): goal.name for goal in goals_of(state.ids)} if name == "goal" else {}
    links = (state.narrowing(name), state.narrowing(name, "is_not"))
    return [
        one_row(state, links, name, metrics, row, value / largest * 100, value / whole * 100 if whole else None, goals,
                result.meta.currency)
        for row, value in zip(result.rows, values, strict=True)
    ]  # fmt: skip


def one_row(
    state: State, links: Links, name: str, metrics: tuple[str, ...], row: dict[str, Any], share: float,
    percent: float | None, goals: dict[str, str], currency: str,
) -> Row:  # fmt: skip
    kind = dimension(name, "")
    value = str(row[name])
    currency = row.get("currency") or currency
    return Row(
        value,
        goals.get(value) or value_name(kind, value),
        shown(metrics[0], row.get(metrics[0]), state.locale, currency=currency),
        shown(metrics[1], row.get(metrics[1]), state.locale, currency=currency) if len(metrics) > 1 else None,
        f"{share:.1f}",
        share_text(percent),
        links[0](value),
        links[1](value),
        value if kind.format == "url" else "",
    )


def share_text(percent: float | None) -> str:
    if percent is None:
        return ""
    if 0 < percent < 0.1:
        return "<0.1%"
    return f"{percent:.1f}%" if percent < 10 else f"{percent:.0f}%"


def error_of(name: str, meta: Meta, state: State) -> str:
    """“about 1.6%” for an estimated number, nothing for an exact one."""
    if meta.exact or name not in meta.estimated:
        return ""
    return f"about {format_decimal(round(meta.error * 100, 1), locale=state.locale)}%"


def online(state: State) -> int | None:
    """Visitors of the last five minutes; None when the store does not answer."""
    return attempt(lambda: who_is_here([ask(state.query(ONLINE), now=state.now)]))


def online_part(state: State) -> Part[int | None]:
    """The same, asked for beside others."""
    return Part(lambda: [state.query(ONLINE)], who_is_here, lambda why: None)


def who_is_here(answers: Sequence[Result]) -> int:
    return int(answers[0].rows[0]["online"] or 0)
