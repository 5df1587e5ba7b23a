"""Sheets: overview, content and sources. One view each for the page, its sheet and its panels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from reports.pages.frame import asked_for, bar, site_page
from reports.pages.moved import moves
from reports.pages.sheet import GRAPHABLE, METRICS, Table, headline, online, table, waiting_headline
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
    if (part := part_of(request, state, name)) is not None:
        return part
    whole = asked_for(request) != "sheet"
    context = {**bar(request, state, live=not shell(request)), **sheet_of(request, state, name)}
    context |= {"section": name, "title": TITLES[name]}
    return render(request, "reports/sheet.html" if whole else "reports/_sheet.html", context)


def shell(request: HttpRequest) -> bool:
    """Whether a page goes out before any question is answered: a browser that runs scripts then fetches its parts.

    When a link changes the sheet in place, its numbers come along, so that they change without a blink.
    """
    return runs_scripts(request) and asked_for(request) != "sheet"


def runs_scripts(request: HttpRequest) -> bool:
    return request.COOKIES.get("js") == "1"


def part_of(
    request: HttpRequest, state: State, name: str, registry: Mapping[str, Panel] = PANELS, **more: Any
) -> HttpResponse | None:
    """The one part of a sheet that htmx asks for; None for the sheet or the page."""
    wanted = asked_for(request)
    if wanted == "headline":
        told = {"headline": headline(state), "choices": choices(state), "online": online(state), "state": state}
        return render(request, "reports/_headline_part.html", {**told, "site": state.site, **more})
    if wanted == "panel-moved":
        found, failed = moves(state)
        return render(request, "reports/_moved.html", {"moves": found, "moves_failed": failed, "state": state})
    for panel, tab, slot in slots(state, name, registry):
        if wanted == f"panel-{slot}":
            return render(request, "reports/_panel.html", {"panel": shown(state, panel, tab, slot), "site": state.site})
    return None


def sheet_of(request: HttpRequest, state: State, name: str, registry: Mapping[str, Panel] = PANELS) -> dict[str, Any]:
    """Context of a sheet below its bar: numbers, graph, panels (of `registry`), and what moved."""
    context = {
        "headline": waiting_headline(state) if shell(request) else headline(state),
        "panels": panels(request, state, name, registry),
        "choices": choices(state),
    }
    if name == "overview" and state.compare is not None:
        if runs_scripts(request):
            context["moves_wait"] = True
        else:
            context["moves"], context["moves_failed"] = moves(state)
    return context


def slots(state: State, name: str, registry: Mapping[str, Panel] = PANELS) -> list[tuple[Panel, Tab, str]]:
    """(panel, open tab, name of its place) in order."""
    if name in SPREAD:
        return [(registry[panel], registry[panel].tab(tab), f"{panel}-{tab}") for panel, tab in SPREAD[name]]
    found = [registry[panel] for panel in LAYOUTS[name]]
    return [(panel, panel.tab(state.option(f"tab.{panel.name}")), panel.name) for panel in found]


def panels(request: HttpRequest, state: State, name: str, registry: Mapping[str, Panel]) -> list[dict[str, Any]]:
    """The panels of a sheet. A browser that runs scripts gets places for them, and fetches each on its own."""
    lazy = runs_scripts(request)
    return [
        waiting(state, panel, tab, slot) if lazy else shown(state, panel, tab, slot)
        for panel, tab, slot in slots(state, name, registry)
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
    return placed.href(f"{state.root or f'/sites/{state.site.pk}'}/panel/{panel.name}/{tab.name}")


@site_page
def panel(request: HttpRequest, state: State, name: str, tab: str) -> HttpResponse:
    """One panel: the part itself for htmx, else a page with it alone."""
    wanted = asked_for(request)
    page = "/sites/{}/{}".format(state.site.pk, request.GET.get("on", "") if request.GET.get("on") in SPREAD else "")
    here = replace(state, path=page)
    context = {"panel": one_panel(here, name, tab, wanted), "site": state.site}
    if wanted:
        return render(request, "reports/_panel.html", context)
    return render(request, "reports/panel.html", {**bar(request, here), **context, "section": "overview"})


def one_panel(state: State, name: str, tab: str, wanted: str, registry: Mapping[str, Panel] = PANELS) -> dict[str, Any]:
    """The panel of `registry` at one of its tabs, for the place that htmx `wanted`; Http404 where there is none."""
    if name not in registry or tab not in {one.name for one in registry[name].tabs}:
        raise Http404("No such panel.")
    slot = wanted.removeprefix("panel-") if wanted.startswith("panel-") else name
    slot = slot if slot in (name, f"{name}-{tab}") else name
    return shown(state, registry[name], registry[name].tab(tab), slot)


def choices(state: State) -> list[tuple[str, str, bool]]:
    """Second metrics for the graph."""
    chosen, first = state.option("second"), state.option("metric", "visitors")
    return [
        (METRICS[name].label, state.seen(second="" if name == chosen else name).href(), name == chosen)
        for name in GRAPHABLE
        if name != first
    ]
