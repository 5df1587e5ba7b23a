"""Sheets: overview, content and sources. One view each for the page, its sheet and its panels."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from reports.pages.frame import asked_for, bar, site_page
from reports.pages.moved import moves
from reports.pages.sheet import GRAPHABLE, METRICS, Table, headline, table
from reports.pages.state import State
from reports.panels import LAYOUTS, PANELS, SPREAD, Panel, Tab

TITLES = {"overview": "Overview", "content": "Content", "sources": "Sources"}


@site_page
def overview(request: HttpRequest, state: State) -> HttpResponse:
    """The first page of a site."""
    return layout(request, state, "overview")


@site_page
def content(request: HttpRequest, state: State) -> HttpResponse:
    """Everything about pages, side by side."""
    return layout(request, state, "content")


@site_page
def sources(request: HttpRequest, state: State) -> HttpResponse:
    """Everything about where visits come from, side by side."""
    return layout(request, state, "sources")


def layout(request: HttpRequest, state: State, name: str) -> HttpResponse:
    """The page; only its sheet or one panel where htmx asks for that."""
    wanted = asked_for(request)
    for panel, tab, slot in slots(state, name):
        if wanted == f"panel-{slot}":
            return render(request, "reports/_panel.html", {"panel": shown(state, panel, tab, slot), "site": state.site})
    context = {
        **bar(request, state),
        "section": name,
        "title": TITLES[name],
        "headline": headline(state),
        "panels": panels(request, state, name),
        "choices": choices(state),
    }
    if name == "overview":
        context["moves"], context["moves_failed"] = moves(state)
    return render(request, "reports/_sheet.html" if wanted == "sheet" else "reports/sheet.html", context)


def slots(state: State, name: str) -> list[tuple[Panel, Tab, str]]:
    """(panel, open tab, name of its place) in order."""
    if name in SPREAD:
        return [(PANELS[panel], PANELS[panel].tab(tab), f"{panel}-{tab}") for panel, tab in SPREAD[name]]
    found = [PANELS[panel] for panel in LAYOUTS[name]]
    return [(panel, panel.tab(state.option(f"tab.{panel.name}")), panel.name) for panel in found]


def panels(request: HttpRequest, state: State, name: str) -> list[dict[str, Any]]:
    """The panels of a sheet. A browser that runs scripts gets places for them, and fetches each on its own."""
    lazy = request.COOKIES.get("js") == "1"
    return [
        waiting(state, panel, tab, slot) if lazy else shown(state, panel, tab, slot)
        for panel, tab, slot in slots(state, name)
    ]


def shown(state: State, panel: Panel, tab: Tab, slot: str) -> dict[str, Any]:
    """One panel with its rows. In a spread, its only tab is its title."""
    made: Table = table(state, panel, tab)
    single = slot != panel.name
    return {"table": made, "id": f"panel-{slot}", "title": tab.label if single else panel.label, "single": single,
            "href": panel_href(state, panel, tab)}  # fmt: skip


def waiting(state: State, panel: Panel, tab: Tab, slot: str) -> dict[str, Any]:
    single = slot != panel.name
    return {"table": None, "id": f"panel-{slot}", "title": tab.label if single else panel.label, "single": single,
            "href": panel_href(state, panel, tab)}  # fmt: skip


def panel_href(state: State, panel: Panel, tab: Tab) -> str:
    on = state.path.rsplit("/", 1)[-1]
    placed = state.shown_with({"on": on if on in SPREAD else ""})
    return placed.href(f"/sites/{state.site.pk}/panel/{panel.name}/{tab.name}")


@site_page
def panel(request: HttpRequest, state: State, name: str, tab: str) -> HttpResponse:
    """One panel: the part itself for htmx, else a page with it alone."""
    if name not in PANELS or tab not in {one.name for one in PANELS[name].tabs}:
        raise Http404("No such panel.")
    wanted = asked_for(request)
    slot = wanted.removeprefix("panel-") if wanted.startswith("panel-") else name
    slot = slot if slot in (name, f"{name}-{tab}") else name
    page = "/sites/{}/{}".format(state.site.pk, request.GET.get("on", "") if request.GET.get("on") in SPREAD else "")
    here = State(**{**state.__dict__, "path": page})
    context = {"panel": shown(here, PANELS[name], PANELS[name].tab(tab), slot), "site": state.site}
    if wanted:
        return render(request, "reports/_panel.html", context)
    return render(request, "reports/panel.html", {**bar(request, here), **context, "section": "overview"})


def choices(state: State) -> list[tuple[str, str, bool]]:
    """Second metrics for the graph."""
    chosen, first = state.option("second"), state.option("metric", "visitors")
    return [
        (METRICS[name].label, state.seen(second="" if name == chosen else name).href(), name == chosen)
        for name in GRAPHABLE
        if name != first
    ]
