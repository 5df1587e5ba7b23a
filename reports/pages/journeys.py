"""Journeys: what people see before and after a page. Every neighbour is a link that makes the way longer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from reports.engine.journeys import LEVELS, MOST_PAGES, Neighbour, journeys
from reports.pages.frame import bar, site_page
from reports.pages.numbers import Shown, shown
from reports.pages.parts import TROUBLE, sentence
from reports.pages.segments import may_edit
from reports.pages.state import State

LABELS = {-2: "Two before", -1: "Before", 1: "After", 2: "Two after", 3: "Three after"}
BETWEEN = "\n"  # pages of a way in the address


@dataclass(frozen=True)
class Line:
    """A neighbour; `share` is percent of the visits that went the way. Where there is no `href`, the visit ended."""

    page: str
    visits: Shown
    share: str
    href: str


@site_page
def journey(request: HttpRequest, state: State) -> HttpResponse:
    """One way and its neighbours; without a page asked for, the front page."""
    way = [page for page in state.option("at", "/").replace("\r", "").split(BETWEEN) if page][:MOST_PAGES] or ["/"]
    context: dict[str, Any] = {
        **bar(request, state), "no_compare": True, "section": "goals", "sub": "journeys", "way": way,
        "may_edit": may_edit(request, state.site.pk),
        "hidden_at": [pair for pair in state.pairs() if pair[0] != "at"],
        "funnel": f"/sites/{state.site.pk}/funnels/new?" + urlencode([("page", page) for page in way]),
        "shorter": to(state, way[:-1]) if len(way) > 1 else "",
    }  # fmt: skip
    try:
        visits, near = journeys(state.site.pk, state.period, way, state.where(), now=state.now)
        context["visits"] = shown("visits", visits, state.locale)
        columns = [(LABELS[level], lines(state, way, level, near[level], visits)) for level in LEVELS]
        context["before"], context["after"] = columns[:2], columns[2:]
    except TROUBLE as error:
        context["failed"] = sentence(error)
    return render(request, "reports/journeys.html", context)


def to(state: State, way: list[str]) -> str:
    return state.shown_with({"at": BETWEEN.join(way)}).href()


def lines(state: State, way: list[str], level: int, near: list[Neighbour], visits: int) -> list[Line]:
    longer = {-1: lambda page: [page, *way], 1: lambda page: [*way, page]}.get(level, lambda page: [page])
    end = "began here" if level < 0 else "left"
    return [
        Line(
            one.page or end, shown("visits", one.visits, state.locale),
            f"{100 * one.visits / visits:.1f}" if visits else "0",
            to(state, longer(one.page)) if one.page and len(way) < MOST_PAGES else "",
        )
        for one in near
    ]  # fmt: skip
