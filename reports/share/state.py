"""What a shared link may ask: the sheet's own URL, inside the link's segment, and nothing that singles people out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from reports.engine.refusal import QueryRefused
from reports.pages.frame import plain_bar
from reports.pages.state import State, read_state
from reports.panels import LAYOUTS, PANELS, Panel
from reports.share.models import Share

PERSONAL = {"person"}


def without_people() -> dict[str, Panel]:
    """The overview's panels without the tabs that name visitors."""
    found = {}
    for name in LAYOUTS["overview"]:
        tabs = tuple(tab for tab in PANELS[name].tabs if tab.dimension not in PERSONAL)
        found[name] = replace(PANELS[name], tabs=tabs)
    return found


def shown_dimensions() -> frozenset[str]:
    return frozenset(tab.dimension for panel in without_people().values() for tab in panel.tabs)


def home_of(share: Share, framed: bool) -> str:
    """Where the link's pages live: those for frames apart, since no other page may be framed."""
    return f"/share/{share.token}/embed" if framed else f"/share/{share.token}"


def shared_state(request: HttpRequest, share: Share, path: str, framed: bool = False) -> State:
    """The state of the URL, limited to the link's segment. Raises QueryRefused for what a link does not show."""
    state = read_state(request, share.site, timezone.now(), path)
    shown = shown_dimensions()
    for condition in state.conditions:
        if condition.dimension not in shown:
            raise QueryRefused(f"A shared link cannot be filtered by “{condition.dimension}”.", "where")
    limit = ({"segment": share.segment_id},) if share.segment_id else ()
    return replace(state, segment=0, limit=limit, root=home_of(share, framed))


def shared_bar(state: State, share: Share, live: bool = True) -> dict[str, Any]:
    """Context of the bar, without segments and without ways into the site's other pages."""
    offered = shown_dimensions()
    context = plain_bar(state, live)
    context["filters"] = [row for row in context["filters"] if row.name in offered]
    return {**context, "share": share, "shared": True}
