"""The reports that a shared link allows: of its segment, and without what identifies single visitors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from reports.dashboard.panels import LAYOUTS, PANELS, Panel
from reports.dashboard.presenters.toolbar import build_common_toolbar
from reports.dashboard.state import ReportState, read_state
from reports.query.errors import QueryRefused
from reports.sharing.models import Share

PERSONAL_DIMENSIONS = {"person"}


def shared_panels() -> dict[str, Panel]:
    """Return the panels of the overview, without the tabs that name visitors."""
    panels = {}
    for name in LAYOUTS["overview"]:
        tabs = tuple(tab for tab in PANELS[name].tabs if tab.dimension not in PERSONAL_DIMENSIONS)
        panels[name] = replace(PANELS[name], tabs=tabs)
    return panels


def shared_dimensions() -> frozenset[str]:
    """Return the dimensions that a shared link may display and filter by."""
    return frozenset(tab.dimension for panel in shared_panels().values() for tab in panel.tabs)


def share_path(share: Share, framed: bool) -> str:
    """Return the base path of the link's pages. Pages in frames have their own, since others must not be framed."""
    return f"/share/{share.token}/embed" if framed else f"/share/{share.token}"


def read_shared_state(request: HttpRequest, share: Share, path: str, framed: bool = False) -> ReportState:
    """Return the state of the URL within the link's segment. Raises QueryRefused for a filter it does not allow."""
    state = read_state(request, share.site, timezone.now(), path)
    allowed = shared_dimensions()
    for condition in state.conditions:
        if condition.dimension not in allowed:
            raise QueryRefused(f"A shared link cannot be filtered by “{condition.dimension}”.", "where")
    base_filter = ({"segment": share.segment_id},) if share.segment_id else ()
    return replace(state, segment=0, base_filter=base_filter, root_path=share_path(share, framed))


def build_shared_toolbar(state: ReportState, share: Share, live: bool = True) -> dict[str, Any]:
    """Return the context of the toolbar, without segments and without links to the site's other pages."""
    allowed = shared_dimensions()
    context = build_common_toolbar(state, live)
    context["filters"] = [row for row in context["filters"] if row.name in allowed]
    return {**context, "share": share, "shared": True}
