"""Collect what a digest reports of one site: key figures and their change, largest changes, top rows, incidents."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date
from django.urls import reverse

from reports.change_drivers import find_differences
from reports.formatting import FormattedValue, format_metric
from reports.labels import label_value
from reports.query import Period, Query, ask
from reports.query.dimensions import DIMENSIONS
from reports.query.metrics import METRICS
from sites.models import Site
from sites.uptime.history import add_costs
from sites.uptime.models import Incident

KEY_FIGURES = ("visitors", "visits", "views", "bounce_rate", "avg_duration", "conversions", "revenue")
PANELS = (
    ("Goals", "goal", "conversions"), ("Sources", "source", "visitors"), ("Pages", "page", "visitors"),
    ("Countries", "country", "visitors"),
)  # fmt: skip
MAX_TOP_ROWS, MAX_CHANGES, MAX_SUMMARY_FIGURES = 5, 5, 3
LOCALE = Locale("en")


def find_closed_period(frequency: str, zone: str, now: datetime) -> Period:
    """Return the last closed day, Monday-to-Sunday week or month of `zone`."""
    today = now.astimezone(ZoneInfo(zone)).date()
    if frequency == "day":
        first, last = today - timedelta(days=1), today - timedelta(days=1)
    elif frequency == "week":
        first = today - timedelta(days=today.weekday() + 7)
        last = first + timedelta(days=6)
    else:
        last = today.replace(day=1) - timedelta(days=1)
        first = last.replace(day=1)
    return Period.parse(f"{first}..{last}", zone, now)


@dataclass(frozen=True)
class DigestFigure:
    """A key figure of a mail: its label, and its formatted value and change."""

    label: str
    formatted: FormattedValue


@dataclass(frozen=True)
class VisitorChange:
    """A value of a dimension whose number of visitors changed, and by how many."""

    kind: str
    name: str
    size: int


@dataclass(frozen=True)
class TopRow:
    """A value of a dimension and its count."""

    value: str
    count: int


@dataclass(frozen=True, kw_only=True)
class SiteDigest:
    """Everything that a mail reports about one site."""

    site: Site
    period: Period
    key_figures: list[DigestFigure]
    changes: list[VisitorChange]
    panels: list[tuple[str, list[TopRow]]]
    bars: list[tuple[str, int]]  # days, or the hours of a single day
    incidents: list[Incident]

    @property
    def empty(self) -> bool:
        return not any(count for _, count in self.bars)

    @property
    def span(self) -> str:
        """The period in words, such as "2 Mar 2026 to 8 Mar 2026", or a single day."""
        first, last = (
            format_date(day, "d MMM y", locale=LOCALE) for day in (self.period.first_day, self.period.last_day)
        )
        return first if first == last else f"{first} to {last}"

    @property
    def summary(self) -> str:
        """The first key figures in a line, such as "1,204 visitors, 1,530 visits, 4,001 views"."""
        lines = self.key_figures[:MAX_SUMMARY_FIGURES]
        return ", ".join(f"{line.formatted.short} {line.label.lower()}" for line in lines)

    @property
    def report_url(self) -> str:
        """The dashboard's report of the same period."""
        period = f"{self.period.first_day}..{self.period.last_day}"
        return f"{reverse('dashboard:overview', args=[self.site.pk])}?period={period}"


def fetch_key_figures(site: Site, period: Period, now: datetime) -> list[DigestFigure]:
    """Return the key figures with their change; revenue only if there was any."""
    query = Query(sites=(site.pk,), period=period, metrics=KEY_FIGURES, compare="weekday")
    result = ask(query, now=now)
    new, old = result.rows[0], result.comparison if isinstance(result.comparison, dict) else {}
    names = [name for name in KEY_FIGURES if name != "revenue" or new[name] or old.get(name)]
    currency = result.meta.currency
    return [
        DigestFigure(METRICS[name].label, format_metric(name, new[name], LOCALE, old.get(name), currency))
        for name in names
    ]


def fetch_top_rows(site: Site, period: Period, name: str, metric: str, now: datetime) -> list[TopRow]:
    """Return the values of the dimension `name` with the highest counts of a metric."""
    order = ((metric, "desc"),)
    query = Query(
        sites=(site.pk,), period=period, metrics=(metric,), dimensions=(name,), limit=MAX_TOP_ROWS, order=order
    )
    rows = [row for row in ask(query, now=now).rows if row[name] and row[metric]]
    goals = {str(pk): text for pk, text in site.goals.values_list("pk", "name")} if name == "goal" else {}
    named = ((goals.get(str(row[name])) or label_value(DIMENSIONS[name], row[name]), row[metric]) for row in rows)
    return [TopRow(value, count) for value, count in named]


def fetch_changes(site: Site, period: Period, now: datetime) -> list[VisitorChange]:
    """Return the largest changes compared with the same weekdays before."""
    rows = find_differences((site.pk,), period, "weekday", now)[:MAX_CHANGES]
    changes = ((DIMENSIONS[row.dimension], row) for row in rows)
    return [VisitorChange(dimension.label, label_value(dimension, row.value), row.size) for dimension, row in changes]


def fetch_bars(site: Site, period: Period, now: datetime) -> list[tuple[str, int]]:
    """Return the visitors by day, or by hour of a single day."""
    by = "hour" if period.first_day == period.last_day else "day"
    query = Query(sites=(site.pk,), period=period, metrics=("visitors",), dimensions=(by,))
    return [(format_bar_label(by, str(row[by])), int(row["visitors"] or 0)) for row in ask(query, now=now).rows]


def format_bar_label(by: str, key: str) -> str:
    """Format a bar's day or hour, such as "Mon 2" or "14:00"."""
    return str(format_date(date.fromisoformat(key[:10]), "EEE d", locale=LOCALE)) if by == "day" else key[11:16]


def build_digest(site: Site, period: Period, now: datetime) -> SiteDigest:
    """Build the digest of `site` for a closed period; every number is the dashboard's own."""
    incidents = Incident.objects.filter(monitor__site=site, start__gte=period.start, start__lt=period.end)
    return SiteDigest(
        site=site,
        period=period,
        key_figures=fetch_key_figures(site, period, now),
        changes=fetch_changes(site, period, now),
        panels=[(label, fetch_top_rows(site, period, name, metric, now)) for label, name, metric in PANELS],
        bars=fetch_bars(site, period, now),
        incidents=add_costs(incidents.select_related("monitor").order_by("start")[:10]),
    )
