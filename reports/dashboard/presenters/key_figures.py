"""The row of key figures of a report, each with its change and sparkline, and the graph of one of them."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from dateutil.relativedelta import relativedelta

from goals.selectors import list_active_goals
from reports.annotations.selectors import GraphMark, list_graph_marks
from reports.dashboard.fragments import Fragment, load_fragments
from reports.dashboard.presenters.graph import Graph, GraphSeries, draw_graph, draw_sparkline
from reports.dashboard.presenters.tables import format_error
from reports.dashboard.state import ReportState
from reports.formatting import FormattedValue, format_metric
from reports.query import Meta, Query, Result
from reports.query.metrics import METRICS
from reports.query.model import Row

KEY_METRICS = ("visitors", "visits", "views", "bounce_rate", "avg_duration", "conversions", "revenue")
# Where the filter selects a goal: who reached it, how often, at what rate, and what those visits did
GOAL_KEY_METRICS = (
    "visitors", "conversions", "conversion_rate", "revenue", "views", "bounce_rate", "avg_duration"
)  # fmt: skip
GRAPH_METRICS = (
    *KEY_METRICS, "new_visitors", "actions", "views_per_visit", "engagement", "events", "conversion_rate"
)  # fmt: skip
BUCKETS = ("minute", "hour", "day", "week", "month")
MAX_DAYS = {"minute": 1.1, "hour": 31}  # of a period that the reader may divide into these buckets
MAX_BUCKETS = 10_000


@dataclass(frozen=True, kw_only=True)
class KeyFigure:
    """A number of the row: its value, its sparkline, and the link that draws it in the graph."""

    name: str
    label: str
    doc: str
    formatted: FormattedValue
    spark: dict[str, str]
    href: str
    chosen: bool
    estimated: str  # the error in words, empty where it is exact
    explain_url: str

    @property
    def summary(self) -> str:
        """Label, exact value, the value before, what the metric means and its error, as the tooltip says them."""
        before = f" ({self.formatted.before} before)" if self.formatted.before else ""
        error = f" Estimated, error {self.estimated}." if self.estimated else ""
        return f"{self.label}: {self.formatted.exact}{before}. {self.doc}{error}"


@dataclass(kw_only=True)
class KeyFigureRow:
    """The key figures and the graph, as the template needs them."""

    numbers: list[KeyFigure] = field(default_factory=list)
    graph: Graph | None = None
    by: str = "day"
    meta: Meta | None = None
    failed: str = ""
    image_url: str = ""  # the address of the graph as a file
    is_placeholder: bool = False  # a placeholder of the same size, until the browser has loaded the numbers
    legend: list[str] = field(default_factory=list)


def build_placeholder(state: ReportState) -> KeyFigureRow:
    """Return the labels of the key figures, before any value is queried."""
    blank = FormattedValue("\u00a0", "")
    numbers = [
        KeyFigure(
            name=name,
            label=METRICS[name].label,
            doc="",
            formatted=blank,
            spark={},
            href="",
            chosen=False,
            estimated="",
            explain_url="",
        )
        for name in list_key_metrics(state)
    ]
    metric = state.option("metric", "visitors")
    legend = [METRICS[name].label for name in (metric, *list_second_metric(state, metric)) if name in METRICS]
    if state.compare is not None:
        legend.append("before")
    if state.period.end > state.now:
        legend.append("not over yet")
    return KeyFigureRow(
        numbers=numbers, by=choose_bucket(state), is_placeholder=True, legend=legend, image_url=state.path
    )


def list_key_metrics(state: ReportState) -> tuple[str, ...]:
    """Return the metrics of the row."""
    return GOAL_KEY_METRICS if state.has_goal_filter else KEY_METRICS


def choose_bucket(state: ReportState) -> str:
    """Return the bucket of the URL if it fits the period.

    Otherwise minutes for up to an hour, hours for up to two days, then days, weeks, months.
    """
    days = (state.period.end - state.period.start) / timedelta(days=1)
    chosen = state.option("by")
    if chosen in BUCKETS and days <= MAX_DAYS.get(chosen, days):
        return chosen
    if days <= 1 / 24:
        return "minute"
    return "hour" if days <= 2.1 else "day" if days <= 100 else "week" if days <= 400 else "month"


def build_key_figures_fragment(state: ReportState) -> Fragment[KeyFigureRow]:
    """Return the fragment of the key figures and their graph."""
    by, metric = choose_bucket(state), choose_graph_metric(state)

    def build_queries() -> list[Query]:
        names = tuple(dict.fromkeys((*list_key_metrics(state), metric, *list_second_metric(state, metric))))
        series = state.build_query(names, (by,), compare=state.compare, limit=MAX_BUCKETS)
        summable = list_summable_metrics(state)
        total = tuple(name for name in list_key_metrics(state) if name not in summable)
        return [state.build_query(total, compare=state.compare), series]

    def build_key_figures(results: list[Result]) -> KeyFigureRow:
        total, series = add_sums(list_key_metrics(state), *results), results[1]
        rows = drop_empty_ends(series.rows, by, state)
        numbers = [build_figure(name, total, rows, state, metric) for name in list_key_metrics(state)]
        image_url = state.href(f"{state.scope.root_path}/graph.svg")
        return KeyFigureRow(
            numbers=numbers,
            graph=build_graph(state, by, metric, rows, series),
            by=by,
            meta=total.meta,
            image_url=image_url,
        )

    return Fragment(build_queries, build_key_figures, lambda reason: KeyFigureRow(by=by, failed=reason))


def load_key_figures(state: ReportState) -> KeyFigureRow:
    """Return the key figures and their graph, queried alone."""
    return load_fragments([build_key_figures_fragment(state)], state.now)[0]


def list_summable_metrics(state: ReportState) -> tuple[str, ...]:
    """Return the metrics whose total is the sum of the graph's buckets, so that it needs no query of its own.

    None where a goal has a fixed value: a goal that counts once per visit may be reached on both days of a visit.
    """
    goals = list_active_goals(state.site_ids)
    if any(goal.fixed_revenue is not None for goal in goals):
        return ()
    return ("revenue",) if goals else ("conversions", "revenue")


def add_sums(names: tuple[str, ...], total: Result, series: Result) -> Result:
    """Return `total` with the metrics of `names` that it lacks, summed over the buckets of `series`."""

    def add_missing(row: Row, buckets: list[Row]) -> Row:
        missing = [name for name in names if name not in row]
        return {**row, **{name: sum([bucket.get(name) or 0 for bucket in buckets]) for name in missing}}

    before = total.comparison
    if isinstance(before, dict) and isinstance(series.comparison, list):
        before = add_missing(before, series.comparison)
    meta = replace(total.meta, currency=series.meta.currency)
    return replace(total, rows=[add_missing(total.rows[0], series.rows)], comparison=before, meta=meta)


def choose_graph_metric(state: ReportState) -> str:
    """Return the metric of the graph."""
    chosen = state.option("metric", "visitors")
    return chosen if chosen in GRAPH_METRICS else "visitors"


def list_second_metric(state: ReportState, metric: str) -> tuple[str, ...]:
    """Return the metric of the graph's second line, if the reader has chosen one."""
    second = state.option("second")
    return (second,) if second in GRAPH_METRICS and second != metric else ()


def list_second_metric_choices(state: ReportState) -> list[tuple[str, str, bool]]:
    """Return (label, address, whether it is drawn) of the metrics for the graph's second line."""
    second, first = state.option("second"), state.option("metric", "visitors")
    return [
        (METRICS[name].label, state.view_href({"second": "" if name == second else name}), name == second)
        for name in GRAPH_METRICS
        if name != first
    ]


def build_figure(name: str, total: Result, rows: list[Row], state: ReportState, chosen: str) -> KeyFigure:
    """Format one key figure. `rows` are the buckets of its sparkline, `chosen` is the metric of the graph."""
    metric, value = METRICS[name], total.rows[0].get(name)
    before = total.comparison.get(name) if isinstance(total.comparison, dict) else None
    return KeyFigure(
        name=name,
        label=metric.label,
        doc=metric.doc,
        formatted=format_metric(name, value, state.locale, before, total.meta.currency),
        spark=draw_sparkline([None if row.get(name) is None else float(row[name]) for row in rows]),
        href=state.view_href({"metric": name, "second": ""}),
        chosen=name == chosen,
        estimated=format_error(name, total.meta, state),
        explain_url=state.explain_href(name),
    )


def get_bucket_start(by: str, key: str, state: ReportState) -> datetime:
    """Return the instant at which a bucket begins."""
    if by in ("minute", "hour"):
        return datetime.fromisoformat(key)
    text = f"{key[:7]}-01" if by == "month" else key[:10]
    return datetime.fromisoformat(text).replace(tzinfo=state.period.info)


def drop_empty_ends(rows: list[Row], by: str, state: ReportState) -> list[Row]:
    """Return the buckets that have begun; of "all time", only from the first one that is not empty."""
    begun = rows[:]
    while begun and get_bucket_start(by, str(begun[-1][by]), state) > state.now:
        begun.pop()
    if state.period_name != "all":
        return begun
    first = next((index for index, row in enumerate(begun) if row.get("visitors") or row.get("views")), 0)
    return begun[first:]


def build_graph(state: ReportState, by: str, metric: str, rows: list[Row], result: Result) -> Graph | None:
    """Draw the graph of a metric; None without buckets."""
    if not rows:
        return None
    before = result.comparison if isinstance(result.comparison, list) else []
    unfinished = state.period.end > state.now
    second = next(iter(list_second_metric(state, metric)), "")
    # Annotations belong to the site's own members: not on shared links
    marks = group_marks_by_bucket(state, by, [str(row[by]) for row in rows]) if state.scope.has_site_pages else {}
    series = GraphSeries(
        by=by,
        metric=metric,
        second=second,
        rows=rows,
        before=before,
        currency=result.meta.currency,
        unfinished=unfinished,
        marks=marks,
    )
    link = state.build_period_link()
    if by in ("week", "month"):
        return draw_graph(series, state.locale, lambda key: link(name_days_of_bucket(by, key)))
    return draw_graph(series, state.locale, lambda key: link(f"{key[:10]}..{key[:10]}"))


def group_marks_by_bucket(state: ReportState, by: str, keys: list[str]) -> dict[str, tuple[GraphMark, ...]]:
    """Return annotations and incidents by the bucket in which they lie."""
    by_bucket: dict[str, tuple[GraphMark, ...]] = {}
    marks = list_graph_marks(state.site, state.period.start, state.period.end)
    starts = [get_bucket_start(by, key, state) for key in keys] if marks else []
    for mark in marks:
        key = keys[max(bisect_right(starts, mark.at) - 1, 0)]
        by_bucket[key] = (*by_bucket.get(key, ()), mark)
    return by_bucket


def name_days_of_bucket(by: str, key: str) -> str:
    """Return the name of the period that is a bucket of a week or month."""
    if by == "week":
        return f"{key[:10]}..{date.fromisoformat(key[:10]) + timedelta(days=6)}"
    first = date.fromisoformat(f"{key[:7]}-01")
    return f"{first}..{first + relativedelta(months=1, days=-1)}"
