"""What the widget shows of a page: its numbers, sources and goals, who is online, and recent visitors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from babel import Locale

from goals.predicates import Filter, is_one_of
from goals.selectors import list_active_goals
from reports.dashboard.presenters.visits import VisitRow, build_visit
from reports.formatting import FormattedValue, format_metric
from reports.labels import label_value
from reports.query import Period, Query, ask_all
from reports.query.analyses import visit_lists
from reports.query.dimensions import get_dimension
from reports.query.metrics import METRICS
from reports.query.model import Result, Row
from sites.site_config import SiteConfig

PERIODS = {"today": "Today", "7d": "7 days", "30d": "30 days"}
DEFAULT_PERIOD = "today"
PAGE_METRICS = ("visitors", "views", "avg_duration", "bounce_rate")
PAGE_LABELS = {"avg_duration": "Time on page"}  # of metrics that mean something else for a page
MAX_ROWS, MAX_VISITS = 5, 12


@dataclass(frozen=True, kw_only=True)
class PageQuestion:
    """What a widget asks: the numbers of a path of the site in a period, for a reader's locale."""

    config: SiteConfig
    path: str
    period_name: str
    locale: Locale
    now: datetime

    @property
    def sites(self) -> tuple[int, ...]:
        return (self.config.site_id,)

    @property
    def period(self) -> Period:
        return Period.parse(self.period_name, self.config.timezone, self.now)


@dataclass(frozen=True)
class PageFigure:
    """A metric of the page."""

    label: str
    value: FormattedValue


@dataclass(frozen=True)
class PageRow:
    """A source or a goal. `share`: percent of the largest row."""

    name: str
    value: FormattedValue
    share: str


@dataclass(frozen=True)
class PageNumbers:
    """The numbers of a page in a period."""

    figures: list[PageFigure]
    sources: list[PageRow]
    goals: list[PageRow]
    has_goals: bool


def count_online(question: PageQuestion) -> tuple[int, int]:
    """Return how many visitors are on the site and on the page now."""
    today = Period.parse("today", question.config.timezone, question.now)
    page = is_one_of("page", question.path)
    on_site, on_page = ask_all(
        [
            Query(sites=question.sites, period=today, metrics=("online",)),
            Query(sites=question.sites, period=today, metrics=("online",), where=[page]),
        ],
        question.now,
    )
    return int(on_site.rows[0]["online"] or 0), int(on_page.rows[0]["online"] or 0)


def build_page_numbers(question: PageQuestion) -> PageNumbers:
    """Query and format the numbers of the page. Raises QueryRefused, StoreError.

    The figures are those of a table of pages (time on the page, bounces of visits that entered on it); sources and
    goals are of the visits that saw the page.
    """
    sites, period = question.sites, question.period
    seen: Filter = {"visited": is_one_of("page", question.path)}
    goals = {str(goal.pk): goal.name for goal in list_active_goals(question.sites)}
    queries = [
        Query(sites=sites, period=period, metrics=PAGE_METRICS, dimensions=("page",), values=(question.path,),
              compare="previous"),
        Query(sites=sites, period=period, dimensions=("source",), where=[seen], limit=MAX_ROWS),
    ]  # fmt: skip
    if goals:
        queries.append(
            Query(
                sites=sites, period=period, metrics=("conversions",), dimensions=("goal",), where=[seen], limit=MAX_ROWS
            )
        )
    page, sources, *reached = ask_all(queries, question.now)
    locale = question.locale
    return PageNumbers(
        figures=build_figures(page, locale),
        sources=build_rows(sources.rows, "source", "visitors", {}, locale),
        goals=[row for found in reached for row in build_rows(found.rows, "goal", "conversions", goals, locale)],
        has_goals=bool(goals),
    )


def build_figures(result: Result, locale: Locale) -> list[PageFigure]:
    """Format the metrics of the page and how they changed; zeros for a page that nobody saw."""
    row = result.rows[0] if result.rows else {}
    before = result.comparison[0] if isinstance(result.comparison, list) and result.comparison else {}
    figures = []
    for name in PAGE_METRICS:
        metric = METRICS[name]
        value = format_metric(name, row.get(name, metric.empty), locale, before.get(name))
        figures.append(PageFigure(PAGE_LABELS.get(name, metric.label), value))
    return figures


def build_rows(
    rows: Sequence[Row], dimension: str, metric: str, names: dict[str, str], locale: Locale
) -> list[PageRow]:
    """Format the rows of a breakdown; `names` are labels by value."""
    shown = [row for row in rows if row.get(metric)]
    largest = max((float(row[metric]) for row in shown), default=0) or 1
    kind = get_dimension(dimension, "")
    return [
        PageRow(
            names.get(str(row[dimension])) or label_value(kind, row[dimension]),
            format_metric(metric, row[metric], locale),
            f"{float(row[metric]) / largest * 100:.1f}",
        )
        for row in shown
    ]


def list_recent_visits(question: PageQuestion, only_page: bool) -> list[VisitRow]:
    """Return the newest visits of the period: of the site, or only those that saw the page."""
    seen: Filter = {"visited": is_one_of("page", question.path)}
    where = [seen] if only_page else None
    rows = visit_lists.list_visits(question.sites, question.period, where, MAX_VISITS, now=question.now)
    zone = ZoneInfo(question.config.timezone)
    return [build_visit(row, question.config.site_id, zone, question.locale) for row in rows]
