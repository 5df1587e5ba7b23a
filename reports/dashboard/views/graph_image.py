"""The graph as a file: SVG with every style as an attribute, so that every program displays it alike.

It is drawn from the same geometry as the page's graph. Browsers convert it to PNG (`static/js/app.js`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from reports.dashboard.presenters.exports import set_download
from reports.dashboard.presenters.graph import HEIGHT as GRAPH_HEIGHT
from reports.dashboard.presenters.graph import WIDTH as GRAPH_WIDTH
from reports.dashboard.presenters.graph import Graph
from reports.dashboard.presenters.key_figures import load_key_figures
from reports.dashboard.presenters.toolbar import build_filter_tags
from reports.dashboard.scope import Context
from reports.dashboard.state import ReportState
from reports.formatting import cut_middle

WIDTH, HEIGHT = 1200, 460
LEFT, TOP, RIGHT, BOTTOM = 72, 92, 72, 44
PATH_POINT = re.compile(r"([ML])([\d.]+) ([\d.]+)")
MAX_TITLE_LENGTH = 90


@dataclass(frozen=True)
class ImageLabel:
    """Text at a place of the image."""

    x: str
    y: str
    text: str


def scale_x(x: float) -> float:
    """Return the image's x of an x of the graph."""
    return LEFT + x / GRAPH_WIDTH * (WIDTH - LEFT - RIGHT)


def scale_y(y: float) -> float:
    """Return the image's y of a y of the graph."""
    return TOP + y / GRAPH_HEIGHT * (HEIGHT - TOP - BOTTOM)


def scale_path(path: str) -> str:
    """Return a path of the graph in the coordinates of the image."""
    return PATH_POINT.sub(
        lambda match: f"{match[1]}{scale_x(float(match[2])):.1f} {scale_y(float(match[3])):.1f}", path
    )


def build_image(drawn: Graph) -> Context:
    """Return the context of the image of a graph."""
    steps = len(drawn.ticks) - 1
    levels = [scale_y(GRAPH_HEIGHT * index / steps) for index in range(len(drawn.ticks))]
    bucket_width = GRAPH_WIDTH / max(len(drawn.buckets), 1)
    unfinished = drawn.unfinished and (
        f"{scale_x(float(drawn.unfinished[0])):.1f}",
        f"{scale_x(float(drawn.unfinished[1])) - LEFT:.1f}",
    )
    return {
        "width": WIDTH, "height": HEIGHT, "left": LEFT, "right": WIDTH - RIGHT, "top": TOP,
        "plot_height": HEIGHT - TOP - BOTTOM,
        "area": scale_path(drawn.area), "line": scale_path(drawn.line), "tail": scale_path(drawn.tail),
        "before": scale_path(drawn.before), "second": scale_path(drawn.second), "unfinished": unfinished,
        "dots": [(f"{scale_x(float(x)):.1f}", f"{scale_y(float(y)):.1f}") for x, y in drawn.dots],
        "levels": [f"{level:.1f}" for level in levels],
        "ticks": [
            ImageLabel(f"{LEFT - 10}", f"{level + 4:.1f}", text)
            for level, text in zip(levels, drawn.ticks, strict=True)
        ],
        "second_ticks": [
            ImageLabel(f"{WIDTH - RIGHT + 10}", f"{level + 4:.1f}", text)
            for level, text in zip(levels, drawn.second_ticks, strict=False)
        ],
        "dates": [
            ImageLabel(f"{scale_x((index + 0.5) * bucket_width):.1f}", f"{HEIGHT - BOTTOM + 22}", bucket.tick)
            for index, bucket in enumerate(drawn.buckets) if bucket.tick
        ],
    }  # fmt: skip


def graph_svg(request: HttpRequest, state: ReportState) -> HttpResponse:
    """Send the graph of the state as an SVG file. Raises Http404 where there is nothing to draw."""
    figures, name = load_key_figures(state), state.scope.name
    if figures.graph is None:
        raise Http404(figures.failed or "There is nothing to draw.")
    label = figures.graph.label
    filters = " · ".join([state.format_dates(), *(tag.label for tag in build_filter_tags(state, request.user))])
    context = {
        **build_image(figures.graph), "graph": figures.graph, "zone": state.period.zone,
        "title": cut_middle(f"{label} · {name}", MAX_TITLE_LENGTH),
        "subtitle": cut_middle(filters, MAX_TITLE_LENGTH * 2),
    }  # fmt: skip
    response = render(request, "reports/graph.svg", context, content_type="image/svg+xml; charset=utf-8")
    return set_download(response, f"{name}-{label}-{state.period_name}", "svg")
