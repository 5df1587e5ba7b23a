"""The scope of a report: the sites it is about and what its pages offer, so that one view serves every scope.

A site's own pages have a `ReportScope`; that of several sites is in `reports.dashboard.views.portfolio`, that of a
shared link in `reports.sharing.scope`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from django.http import HttpResponse
from django.utils.cache import patch_vary_headers

from goals.predicates import Filter
from reports.dashboard.fragments import Fragment
from reports.dashboard.panels import PANELS, Panel
from sites.models import Site

if TYPE_CHECKING:
    from reports.dashboard.state import ReportState

Context = dict[str, object]  # of a template


@dataclass(frozen=True, kw_only=True)
class ReportScope:
    """One site for the members who may view it. Subclasses state what differs for other readers and several sites."""

    has_site_pages: ClassVar[bool] = True  # segments, annotations, visits, and links to the site's other pages
    has_explanations: ClassVar[bool] = True
    has_details: ClassVar[bool] = True
    is_portfolio: ClassVar[bool] = False
    panels: ClassVar[Mapping[str, Panel]] = PANELS  # by name
    dimensions: ClassVar[frozenset[str] | None] = None  # that may be filtered by and listed in full; None: all
    templates: ClassVar[Mapping[str, str]] = {
        "report": "reports/report.html",
        "report_fragment": "reports/_report.html",
        "panel": "reports/panel.html",
        "details": "reports/details.html",
        "invalid_query": "reports/invalid_query.html",
    }

    site: Site  # its time zone and its way of storing addresses hold for the report
    has_selection: bool = False  # the reader chose the sites, so links carry their ids

    @property
    def name(self) -> str:
        """What the report is about, in words."""
        return str(self.site)

    @property
    def site_ids(self) -> tuple[int, ...]:
        """The ids of the sites that are queried."""
        return (self.site.pk,)

    @property
    def root_path(self) -> str:
        """What the addresses of the report's pages begin with."""
        return f"/sites/{self.site.pk}"

    @property
    def home_path(self) -> str:
        """The address of the overview."""
        return f"{self.root_path}/"

    @property
    def base_filter(self) -> tuple[Filter, ...]:
        """Filter JSON that no address can remove."""
        return ()

    def check_dimensions(self, names: Iterable[str]) -> None:
        """Raise QueryRefused for a dimension that the report cannot be filtered by."""

    def get_report_path(self, layout: str) -> str:
        """Return the address of a report by its layout; without the site's other pages there is only the overview."""
        is_home = layout == "overview" or not self.has_site_pages
        return self.home_path if is_home else f"{self.root_path}/{layout}"

    def build_extra_fragments(self, state: ReportState) -> dict[str, Fragment[object]]:
        """Return fragments of the report besides its panels, by their names in the context."""
        return {}

    def build_context(self) -> Context:
        """Return the context of every page and fragment."""
        return {"site": self.site, "shared": not self.has_site_pages}

    def build_toolbar_context(self, state: ReportState) -> Context:
        """Return what the toolbar and the head of a page have besides what all scopes have."""
        return {}

    def set_headers(self, response: HttpResponse) -> HttpResponse:
        """Set the headers of a page that depends on the reader and on what htmx requests."""
        patch_vary_headers(response, ["HX-Request", "HX-Target", "Cookie"])
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response
