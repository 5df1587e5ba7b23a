"""The graph as a picture of its own: SVG with every style as an attribute, so that any program shows it alike.

Drawn from the same geometry as the page's graph. Browsers make the PNG from it (`static/js/app.js`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.text import get_valid_filename

from reports.pages import graph
from reports.pages.chips import chips
from reports.pages.frame import site_page
from reports.pages.headline import headline
from reports.pages.state import State
from reports.templatetags.show import cut_middle

WIDTH, HEIGHT = 1200, 460
LEFT, TOP, RIGHT, BOTTOM = 72, 92, 72, 44
PAIR = re.compile(r"([ML])([\d.]+) ([\d.]+)")
MOST_TITLE = 90


@dataclass(frozen=True)
class Label:
    """Text at a place of the picture."""

    x: str
    y: str
    text: str


def across(x: float) -> float:
    return LEFT + x / graph.WIDTH * (WIDTH - LEFT - RIGHT)


def down(y: float) -> float:
    return TOP + y / graph.HEIGHT * (HEIGHT - TOP - BOTTOM)


def placed(path: str) -> str:
    """A path of the graph's box, laid into the picture."""
    return PAIR.sub(lambda found: f"{found[1]}{across(float(found[2])):.1f} {down(float(found[3])):.1f}", path)


def context_of(drawn: graph.Graph) -> dict[str, Any]:
    """What the template draws."""
    steps = len(drawn.ticks) - 1
    levels = [down(graph.HEIGHT * index / steps) for index in range(len(drawn.ticks))]
    share = graph.WIDTH / max(len(drawn.buckets), 1)
    ghost = drawn.ghost and (f"{across(float(drawn.ghost[0])):.1f}", f"{across(float(drawn.ghost[1])) - LEFT:.1f}")
    return {
        "width": WIDTH, "height": HEIGHT, "left": LEFT, "right": WIDTH - RIGHT, "top": TOP,
        "deep": HEIGHT - TOP - BOTTOM,
        "area": placed(drawn.area), "line": placed(drawn.line), "tail": placed(drawn.tail),
        "before": placed(drawn.before), "second": placed(drawn.second), "ghost": ghost,
        "dots": [(f"{across(float(x)):.1f}", f"{down(float(y)):.1f}") for x, y in drawn.dots],
        "levels": [f"{level:.1f}" for level in levels],
        "ticks": [
            Label(f"{LEFT - 10}", f"{level + 4:.1f}", text)
            for level, text in zip(levels, drawn.ticks, strict=True)
        ],
        "second_ticks": [
            Label(f"{WIDTH - RIGHT + 10}", f"{level + 4:.1f}", text)
            for level, text in zip(levels, drawn.second_ticks, strict=False)
        ],
        "dates": [
            Label(f"{across((index + 0.5) * share):.1f}", f"{HEIGHT - BOTTOM + 22}", one.tick)
            for index, one in enumerate(drawn.buckets) if one.tick
        ],
    }  # fmt: skip


@site_page
def graph_svg(request: HttpRequest, state: State) -> HttpResponse:
    """The graph of this state as a file."""
    return picture(request, state, str(state.site))


def picture(request: HttpRequest, state: State, name: str) -> HttpResponse:
    """The graph of `name` as an SVG file. Http404 where there is nothing to draw."""
    found = headline(state)
    if found.graph is None:
        raise Http404(found.failed or "There is nothing to draw.")
    filters = " · ".join([state.dates(), *(chip.label for chip in chips(state, request.user))])
    context = {
        **context_of(found.graph), "graph": found.graph, "zone": state.period.zone,
        "title": cut_middle(f"{found.graph.label} · {name}", MOST_TITLE),
        "subtitle": cut_middle(filters, MOST_TITLE * 2),
    }  # fmt: skip
    response = render(request, "reports/graph.svg", context, content_type="image/svg+xml; charset=utf-8")
    filename = get_valid_filename(f"{name}-{found.graph.label}-{state.text}".replace("/", "-"))[:100]
    response["Content-Disposition"] = f'attachment; filename="{filename}.svg"'
    response["X-Content-Type-Options"] = "nosniff"
    return response
