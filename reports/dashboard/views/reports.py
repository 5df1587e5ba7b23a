"""Reports made of panels: overview, content and sources. One view serves the page, the report in it and its panels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from reports.change_drivers import DIMENSIONS_OF_MANY_VALUES, DRIVER_DIMENSIONS, MAX_VALUES
from reports.dashboard.fragments import Fragment, load_fragments
from reports.dashboard.panels import LAYOUTS, SPREAD_LAYOUTS, Panel, Tab
from reports.dashboard.presenters.change_drivers import ChangeDrivers, build_change_drivers_fragment
from reports.dashboard.presenters.key_figures import (
    build_key_figures_fragment,
    build_placeholder,
    list_second_metric_choices,
)
from reports.dashboard.presenters.tables import PANEL_ROWS, PanelTable, build_online_fragment, build_table_fragment
from reports.dashboard.presenters.toolbar import build_toolbar
from reports.dashboard.report_page import get_htmx_target
from reports.dashboard.scope import Context
from reports.dashboard.state import ReportState

PanelSlot = tuple[Panel, Tab, str]  # panel, open tab, name of the slot
NO_FRAGMENTS: Mapping[str, Fragment[object]] = {}
TITLES = {"overview": "Overview", "content": "Content", "sources": "Sources"}


def overview(request: HttpRequest, state: ReportState) -> HttpResponse:
    """Display the first page of a scope."""
    return render_report(request, state, "overview")


def content(request: HttpRequest, state: ReportState) -> HttpResponse:
    """Display everything about pages, side by side."""
    return render_report(request, state, "content")


def sources(request: HttpRequest, state: ReportState) -> HttpResponse:
    """Display everything about where visits come from, side by side."""
    return render_report(request, state, "sources")


def render_report(request: HttpRequest, state: ReportState, layout: str) -> HttpResponse:
    """Render the page, or only the report or a fragment of it where htmx requests that."""
    if (fragment := render_fragment(request, state, layout)) is not None:
        return fragment
    context = {"section": layout, "title": TITLES[layout], **build_toolbar(request, state, live=False)}
    context |= build_report(request, state, layout)
    template = "report_fragment" if get_htmx_target(request) == "report" else "report"
    return render(request, state.scope.templates[template], context)


def runs_scripts(request: HttpRequest) -> bool:
    """Whether the browser runs scripts: it then gets placeholders at once and loads the fragments itself."""
    return request.COOKIES.get("js") == "1"


def render_fragment(request: HttpRequest, state: ReportState, layout: str) -> HttpResponse | None:
    """Render the fragment that htmx requests: the key figures, all panels or one. None for the report or the page."""
    target = get_htmx_target(request)
    base = {**state.scope.build_context(), "state": state}
    if target == "key-figures":
        row, online = load_fragments([build_key_figures_fragment(state), build_online_fragment(state)], state.now)
        context = {**base, "key_figures": row, "choices": list_second_metric_choices(state), "online": online}
        return render(request, "reports/_key_figures_part.html", context)
    if target == "panels":
        context = {**base, **build_panels(state, layout)}
        return render(request, "reports/_panels.html", context)
    if target == "panel-change-drivers":
        (drivers,) = load_fragments([build_change_drivers_fragment(state)], state.now)
        return render(request, "reports/_change_drivers.html", {"change_drivers": drivers, "state": state})
    for panel, tab, slot in list_slots(state, layout):
        if target == f"panel-{slot}":
            return render(request, "reports/_panel.html", {**base, "panel": load_panel(state, panel, tab, slot)})
    return None


def build_report(request: HttpRequest, state: ReportState, layout: str) -> Context:
    """Return the context of a report: visitors online, key figures, graph, panels, and drivers of change.

    All of it is queried in one batch. A browser that runs scripts gets placeholders instead, which it loads itself.
    """
    context: Context = {"choices": list_second_metric_choices(state)}
    if runs_scripts(request):
        panels = [fill_slot(state, *slot) for slot in list_slots(state, layout)]
        context |= {"is_placeholder": True, "key_figures": build_placeholder(state), "panels": panels, "online": None}
        return context | (
            {"change_drivers": ChangeDrivers(is_placeholder=True)} if has_change_drivers(state, layout) else {}
        )
    first: dict[str, Fragment[object]] = {
        "key_figures": build_key_figures_fragment(state),
        "online": build_online_fragment(state),
    }
    return context | build_panels(state, layout, first)


def build_panels(state: ReportState, layout: str, first: Mapping[str, Fragment[object]] = NO_FRAGMENTS) -> Context:
    """Return the context of the panels, of what accompanies them, and of `first`, all queried in one batch."""
    slots = list_slots(state, layout)
    drivers = {"change_drivers": build_change_drivers_fragment(state)} if has_change_drivers(state, layout) else {}
    named = {**first, **state.scope.build_extra_fragments(state), **drivers}
    # A panel that displays a dimension of the drivers takes as many rows, so that both need one query
    shared = set(DRIVER_DIMENSIONS) - set(DIMENSIONS_OF_MANY_VALUES) if drivers else ()
    tables = [
        build_table_fragment(state, panel, tab, MAX_VALUES if tab.dimension in shared else PANEL_ROWS)
        for panel, tab, _ in slots
    ]
    contents = load_fragments([*named.values(), *tables], state.now)
    loaded_tables = cast("list[PanelTable]", contents[len(named) :])
    panels = [fill_slot(state, *slot, table=table) for slot, table in zip(slots, loaded_tables, strict=True)]
    return {**dict(zip(named, contents, strict=False)), "panels": panels}


def has_change_drivers(state: ReportState, layout: str) -> bool:
    """Whether a report lists the drivers of change."""
    return layout == "overview" and state.compare is not None


def list_slots(state: ReportState, layout: str) -> list[PanelSlot]:
    """Return the slots of a report in their order."""
    registry = state.scope.panels
    if layout in SPREAD_LAYOUTS:
        return [
            (registry[panel], registry[panel].find_tab(tab), f"{panel}-{tab}") for panel, tab in SPREAD_LAYOUTS[layout]
        ]
    panels = [registry[panel] for panel in LAYOUTS[layout]]
    return [(panel, panel.find_tab(state.option(f"tab.{panel.name}")), panel.name) for panel in panels]


def load_panel(state: ReportState, panel: Panel, tab: Tab, slot: str) -> Context:
    """Return the context of one panel with its rows."""
    (table,) = load_fragments([build_table_fragment(state, panel, tab)], state.now)
    return fill_slot(state, panel, tab, slot, table)


def fill_slot(state: ReportState, panel: Panel, tab: Tab, slot: str, table: PanelTable | None = None) -> Context:
    """Return the context of a panel in its slot; without a table, of its placeholder.

    Where the tabs of a panel are spread over several slots, the label of the tab is the title.
    """
    single = slot != panel.name
    return {"table": table, "id": f"panel-{slot}", "title": tab.label if single else panel.label, "single": single,
            "href": build_panel_href(state, panel, tab)}  # fmt: skip


def build_panel_href(state: ReportState, panel: Panel, tab: Tab) -> str:
    """Return the address of one panel; `on` names the report it is part of."""
    layout = state.path.rsplit("/", 1)[-1]
    return state.with_view({"on": layout if layout in SPREAD_LAYOUTS else ""}).href(
        f"{state.scope.root_path}/panel/{panel.name}/{tab.name}"
    )


def panel(request: HttpRequest, state: ReportState, name: str, tab: str) -> HttpResponse:
    """Display one panel: alone for htmx, else in a page."""
    scope, layout = state.scope, request.GET.get("on", "")
    report = replace(state, path=scope.get_report_path(layout if layout in SPREAD_LAYOUTS else "overview"))
    loaded = load_named_panel(report, name, tab, get_htmx_target(request))
    if get_htmx_target(request):
        return render(request, "reports/_panel.html", {**scope.build_context(), "panel": loaded})
    context = {"section": "overview", **build_toolbar(request, report), "panel": loaded}
    return render(request, scope.templates["panel"], context)


def load_named_panel(state: ReportState, name: str, tab: str, target: str) -> Context:
    """Return the context of the panel `name` at the tab `tab`, in the slot that htmx replaces (`target`).

    Raises Http404 where the scope has no such panel.
    """
    panel = state.scope.panels.get(name)
    if panel is None or tab not in {other.name for other in panel.tabs}:
        raise Http404("No such panel.")
    slot = target.removeprefix("panel-") if target.startswith("panel-") else name
    slot = slot if slot in (name, f"{name}-{tab}") else name
    return load_panel(state, panel, panel.find_tab(tab), slot)
