"""Sheets: overview, content and sources. One view each for the page, its sheet and its panels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from reports.moved import MANY, MOST, MOVED_BY
from reports.pages.frame import asked_for, bar, site_page
from reports.pages.headline import choices, headline_part, waiting_headline
from reports.pages.moved import Moves, moved_part
from reports.pages.parts import Part, together
from reports.pages.sheet import PANEL_ROWS, Table, online_part, table_part
from reports.pages.state import State
from reports.panels import LAYOUTS, PANELS, SPREAD, Panel, Tab

NOTHING: Mapping[str, Part[Any]] = {}
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
    """The page; only its sheet or a part of it where htmx asks for that."""
    if (part := part_of(request, state, name)) is not None:
        return part
    whole = asked_for(request) != "sheet"
    context = {**bar(request, state, live=False), **sheet_of(request, state, name)}
    context |= {"section": name, "title": TITLES[name]}
    return render(request, "reports/sheet.html" if whole else "reports/_sheet.html", context)


def runs_scripts(request: HttpRequest) -> bool:
    """Whether a sheet goes out before any question is answered: a browser that runs scripts then fetches its parts."""
    return request.COOKIES.get("js") == "1"


def part_of(
    request: HttpRequest,
    state: State,
    name: str,
    registry: Mapping[str, Panel] = PANELS,
    beside: Mapping[str, Part[Any]] = NOTHING,
    **more: Any,
) -> HttpResponse | None:
    """The part of a sheet that htmx asks for: its headline, all of its panels or one; None for the sheet or page."""
    wanted = asked_for(request)
    base = {"state": state, "site": state.site}
    if wanted == "headline":
        found, live = together([headline_part(state), online_part(state)], state.now)
        told = {**base, "headline": found, "choices": choices(state), "online": live, **more}
        return render(request, "reports/_headline_part.html", told)
    if wanted == "panels":
        return render(request, "reports/_panels.html", {**base, **below(state, name, registry, beside), **more})
    if wanted == "panel-moved":
        (moves,) = together([moved_part(state)], state.now)
        return render(request, "reports/_moved.html", {"moves": moves, "state": state})
    for panel, tab, slot in slots(state, name, registry):
        if wanted == f"panel-{slot}":
            return render(request, "reports/_panel.html", {"panel": shown(state, panel, tab, slot), "site": state.site})
    return None


def sheet_of(
    request: HttpRequest,
    state: State,
    name: str,
    registry: Mapping[str, Panel] = PANELS,
    beside: Mapping[str, Part[Any]] = NOTHING,
) -> dict[str, Any]:
    """Context of a sheet: who is here, numbers, graph, panels (of `registry`), what moved, and what is `beside` them.

    Everything is asked for together; a browser that runs scripts gets places, and fetches what stands in them.
    """
    context: dict[str, Any] = {"choices": choices(state)}
    if runs_scripts(request):
        places = [placed(state, *slot) for slot in slots(state, name, registry)]
        context |= {"waits": True, "headline": waiting_headline(state), "panels": places, "online": None}
        return context | ({"moves": Moves(waits=True)} if moves_on(state, name) else {})
    first: dict[str, Part[Any]] = {"headline": headline_part(state), "online": online_part(state)}
    return context | below(state, name, registry, {**first, **beside})


def below(state: State, name: str, registry: Mapping[str, Panel], beside: Mapping[str, Part[Any]]) -> dict[str, Any]:
    """Context of a sheet's panels, of what moved, and of what is `beside` them: all asked for together."""
    found = slots(state, name, registry)
    more = {**beside, **({"moves": moved_part(state)} if moves_on(state, name) else {})}
    asked = set(MOVED_BY) - set(MANY) if "moves" in more else ()
    tables = [table_part(state, panel, tab, MOST if tab.dimension in asked else PANEL_ROWS) for panel, tab, _ in found]
    answers = together([*more.values(), *tables], state.now)
    made = zip(found, answers[len(more) :], strict=True)
    panels = [placed(state, *slot, table=table) for slot, table in made]
    return {**dict(zip(more, answers, strict=False)), "panels": panels}


def moves_on(state: State, name: str) -> bool:
    """Whether a sheet tells what moved."""
    return name == "overview" and state.compare is not None


def slots(state: State, name: str, registry: Mapping[str, Panel] = PANELS) -> list[tuple[Panel, Tab, str]]:
    """(panel, open tab, name of its place) in order."""
    if name in SPREAD:
        return [(registry[panel], registry[panel].tab(tab), f"{panel}-{tab}") for panel, tab in SPREAD[name]]
    found = [registry[panel] for panel in LAYOUTS[name]]
    return [(panel, panel.tab(state.option(f"tab.{panel.name}")), panel.name) for panel in found]


def shown(state: State, panel: Panel, tab: Tab, slot: str) -> dict[str, Any]:
    """One panel with its rows."""
    (table,) = together([table_part(state, panel, tab)], state.now)
    return placed(state, panel, tab, slot, table)


def placed(state: State, panel: Panel, tab: Tab, slot: str, table: Table | None = None) -> dict[str, Any]:
    """A panel in its place; without a table, the place alone. In a spread, its only tab is its title."""
    single = slot != panel.name
    return {"table": table, "id": f"panel-{slot}", "title": tab.label if single else panel.label, "single": single,
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
