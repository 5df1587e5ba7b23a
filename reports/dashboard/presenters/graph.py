"""Graphs as SVG drawn on the server: geometry in a box of 1000 x 100; labels and tooltips are HTML beside it.

The drawing is stretched to its place (`preserveAspectRatio="none"`), so nothing here depends on pixels. Each bucket is
a link to itself with its numbers as text, so it works by mouse, touch and keyboard, and without scripts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from operator import itemgetter

from babel import Locale
from babel.dates import format_date, format_time

from reports.annotations.selectors import GraphMark
from reports.formatting import ValueChange, compare_values, format_exact, format_short
from reports.query.metrics import METRICS, Metric
from reports.query.model import Row

WIDTH, HEIGHT = 1000, 100
TICKS = 4
MAX_LABELS = 8
Point = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class GraphBucket:
    """One minute, hour, day, week or month of a graph. `unfinished`: it has not ended yet."""

    key: str
    label: str
    value: str
    before: str
    change: ValueChange | None
    second: str
    href: str
    tip_left: bool  # it is in the right half, so its tooltip opens to the left
    unfinished: bool = False
    tick: str = ""
    minor: bool = False  # its tick is left out where there is little room
    marks: tuple[GraphMark, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Graph:
    """A drawn graph: SVG paths, labels and buckets, as the template needs them."""

    label: str
    second_label: str
    buckets: list[GraphBucket]
    area: str
    line: str
    tail: str  # the unfinished end, dashed
    before: str
    second: str
    ticks: list[str]
    words: str
    unfinished: tuple[str, str] | None  # x and width of the unfinished bucket
    dots: list[tuple[str, str]]
    second_ticks: list[str] = field(default_factory=list)  # the scale of the second line, on the other side


@dataclass(frozen=True, kw_only=True)
class GraphSeries:
    """What a graph is drawn from: rows by time, one metric, and optionally a second one and another period."""

    by: str
    metric: str
    second: str
    rows: list[Row]
    before: list[Row]
    currency: str = ""
    unfinished: bool = False
    marks: Mapping[str, tuple[GraphMark, ...]] = field(default_factory=dict)  # by the bucket's key

    def extract_values(self, metric: str, rows: list[Row]) -> list[float | None]:
        """Return the metric's value in each row."""
        return [None if row.get(metric) is None else float(row[metric]) for row in rows]


def round_up_scale(highest: float) -> float:
    """Return the smallest round number that is at least `highest` and divides well into ticks."""
    if highest <= 0:
        return float(TICKS)
    step = 10.0 ** math.floor(math.log10(highest))
    for factor in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10):
        if step * factor >= highest:
            top = step * factor
            return max(top, TICKS) if highest == int(highest) and top < TICKS else top
    return step * 10


def choose_scale(values: list[float | None]) -> float:
    """Return the top of the scale for these values."""
    return round_up_scale(max([value for value in values if value is not None], default=0))


def place_points(values: list[float | None], top: float) -> list[Point | None]:
    """Return the coordinates of the values, each in the middle of its bucket."""
    bucket_width = WIDTH / max(len(values), 1)
    return [
        None if value is None else ((index + 0.5) * bucket_width, HEIGHT - HEIGHT * max(value, 0) / top)
        for index, value in enumerate(values)
    ]


def draw_line(points: list[Point | None]) -> str:
    """Return an SVG path through the points, interrupted where a value is missing."""
    pieces, command = [], "M"
    for point in points:
        if point is None:
            command = "M"
            continue
        pieces.append(f"{command}{point[0]:.1f} {point[1]:.2f}")
        command = "L"
    return "".join(pieces)


def draw_area(points: list[Point | None]) -> str:
    """Return the SVG path of the area between the line and zero; empty for fewer than two points."""
    present = [point for point in points if point is not None]
    if len(present) < 2:
        return ""
    return draw_line(list(present)) + f"L{present[-1][0]:.1f} {HEIGHT}L{present[0][0]:.1f} {HEIGHT}Z"


def draw_sparkline(values: list[float | None]) -> dict[str, str]:
    """Return the line and area of a sparkline."""
    points = place_points(values, choose_scale(values))
    return {"line": draw_line(points), "area": draw_area(points)}


@lru_cache(maxsize=4096)
def format_bucket(by: str, key: str, locale: Locale) -> str:
    """Format a bucket's time for the reader: Tue 3 Mar 14:00, Tue 3 Mar, Week of Mon 2 Mar, March 2026."""
    if by in ("minute", "hour"):
        at = datetime.fromisoformat(key)
        return f"{format_date(at, 'EEE d MMM', locale=locale)} {format_time(at, 'short', locale=locale)}"
    if by == "month":
        return str(format_date(date.fromisoformat(f"{key[:7]}-01"), "MMMM yyyy", locale=locale))
    day = str(format_date(date.fromisoformat(key[:10]), "EEE d MMM", locale=locale))
    return f"Week of {day}" if by == "week" else day


@lru_cache(maxsize=4096)
def format_tick(by: str, key: str, locale: Locale, single_day: bool) -> str:
    """Format a bucket's time for the axis, where there is less room."""
    if by in ("minute", "hour"):
        at = datetime.fromisoformat(key)
        return str(format_time(at, "short", locale=locale) if single_day else format_date(at, "d MMM", locale=locale))
    if by == "month":
        return str(format_date(date.fromisoformat(f"{key[:7]}-01"), "MMM yyyy", locale=locale))
    return str(format_date(date.fromisoformat(key[:10]), "d MMM", locale=locale))


def draw_graph(series: GraphSeries, locale: Locale, link: Callable[[str], str]) -> Graph:
    """Draw a series. `link(key)` returns the address that a bucket leads to."""
    metric = METRICS[series.metric]
    values = series.extract_values(series.metric, series.rows)
    earlier = series.extract_values(series.metric, series.before)[: len(values)]
    top = choose_scale([*values, *earlier])
    points = place_points(values, top)
    has_tail = series.unfinished and len(points) > 1
    second = series.extract_values(series.second, series.rows) if series.second else []
    second_top = choose_scale(second)
    bucket_width = WIDTH / max(len(values), 1)
    return Graph(
        label=metric.label,
        second_label=METRICS[series.second].label if series.second else "",
        buckets=build_buckets(series, locale, link),
        area=draw_area(points),
        line=draw_line(points[:-1] if has_tail else points),
        tail=draw_line(points[-2:]) if has_tail else "",
        # The other period is laid on this period's buckets, which may be more
        before=draw_line(place_points([*earlier, *([None] * (len(values) - len(earlier)))], top)),
        second=draw_line(place_points(second, second_top)),
        ticks=format_scale(top, metric, locale, series.currency),
        second_ticks=format_scale(second_top, METRICS[series.second], locale, series.currency) if series.second else [],
        words=describe_trend(series, locale),
        unfinished=(f"{WIDTH - bucket_width:.1f}", f"{bucket_width:.1f}") if series.unfinished else None,
        dots=[(f"{x:.1f}", f"{y:.2f}") for x, y in filter(None, points)] if len(values) == 1 else [],
    )


def format_scale(top: float, metric: Metric, locale: Locale, currency: str) -> list[str]:
    """Return the numbers beside the gridlines, from the top down to zero."""
    return [format_short(top * index / TICKS, metric, locale, currency) for index in range(TICKS, -1, -1)]


def build_buckets(series: GraphSeries, locale: Locale, link: Callable[[str], str]) -> list[GraphBucket]:
    """Return the buckets with their labels, values and links."""
    rows, count = series.rows, len(series.rows)
    metric = METRICS[series.metric]
    ticks_every = max(1, math.ceil(count / MAX_LABELS))
    single_day = series.by == "minute" or (count <= 25 and series.by == "hour")
    buckets = []
    for i, row in enumerate(rows):
        key, value = str(row[series.by]), row.get(series.metric)
        before = series.before[i].get(series.metric) if i < len(series.before) else None
        second = ""
        if series.second:
            second = format_exact(row.get(series.second), METRICS[series.second], locale, series.currency)
        unfinished = series.unfinished and i == count - 1
        buckets.append(
            GraphBucket(
                key=key,
                label=format_bucket(series.by, key, locale),
                value=format_exact(value, metric, locale, series.currency),
                before=format_exact(before, metric, locale, series.currency) if before is not None else "",
                change=None if unfinished else compare_values(value, before, metric, locale),
                second=second,
                href=link(key),
                tip_left=i > count / 2,
                unfinished=unfinished,
                tick=format_tick(series.by, key, locale, single_day) if i % ticks_every == 0 else "",
                minor=bool(i // ticks_every % 2),
                marks=series.marks.get(key, ()),
            )
        )
    return buckets


def describe_trend(series: GraphSeries, locale: Locale) -> str:
    """Describe the graph in a sentence for those who do not see it."""
    metric = METRICS[series.metric]
    points = [(row, float(row[series.metric])) for row in series.rows if row.get(series.metric) is not None]
    if not points:
        return f"{metric.label}: nothing in this period."

    def describe(point: tuple[Row, float]) -> str:
        row, value = point
        bucket = format_bucket(series.by, str(row[series.by]), locale)
        return f"{format_exact(value, metric, locale, series.currency)} ({bucket})"

    highest = max(points, key=itemgetter(1))
    return f"{metric.label} from {describe(points[0])} to {describe(points[-1])}; the highest is {describe(highest)}."
