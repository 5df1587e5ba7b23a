"""The scope of a shared link: the overview of its segment, without what identifies single visitors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from django.http import HttpResponse

from goals.predicates import Filter
from reports.dashboard.panels import LAYOUTS, PANELS, Panel
from reports.dashboard.scope import Context, ReportScope
from reports.query.errors import QueryRefused
from reports.sharing.models import Share

PERSONAL_DIMENSIONS = {"person"}


def build_shared_panels() -> dict[str, Panel]:
    """Return the panels of the overview, without the tabs that name visitors."""
    panels = {}
    for name in LAYOUTS["overview"]:
        tabs = tuple(tab for tab in PANELS[name].tabs if tab.dimension not in PERSONAL_DIMENSIONS)
        panels[name] = replace(PANELS[name], tabs=tabs)
    return panels


SHARED_PANELS = build_shared_panels()
SHARED_DIMENSIONS = frozenset(tab.dimension for panel in SHARED_PANELS.values() for tab in panel.tabs)


@dataclass(frozen=True, kw_only=True)
class ShareScope(ReportScope):
    """A shared link for everybody who has it. Its pages for frames have their own addresses: others are not framed."""

    has_site_pages = False
    has_explanations = False
    panels = SHARED_PANELS
    dimensions = SHARED_DIMENSIONS
    templates: ClassVar[Mapping[str, str]] = {
        "report": "sharing/view.html",
        "report_fragment": "reports/_report.html",
        "panel": "sharing/panel.html",
        "details": "sharing/details.html",
        "invalid_query": "sharing/invalid_query.html",
    }

    share: Share
    framed: bool = False

    @property
    def root_path(self) -> str:
        return f"/share/{self.share.token}" + ("/embed" if self.framed else "")

    @property
    def base_filter(self) -> tuple[Filter, ...]:
        return ({"segment": self.share.segment_id},) if self.share.segment_id else ()

    def check_dimensions(self, names: Iterable[str]) -> None:
        for name in names:
            if name not in SHARED_DIMENSIONS:
                raise QueryRefused(f"A shared link cannot be filtered by “{name}”.", "where")

    def build_context(self) -> Context:
        return {**super().build_context(), "share": self.share, "framed": self.framed}

    def set_headers(self, response: HttpResponse) -> HttpResponse:
        return set_share_headers(super().set_headers(response), self.framed)


def set_share_headers(response: HttpResponse, framed: bool) -> HttpResponse:
    """Keep a secret link's pages out of caches and search engines, and allow frames around those made for them."""
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    if framed:
        response.xframe_options_exempt = True
    return response
