"""The portfolio: one report of all sites that the reader may see, or of those chosen (`?only=101000001&only=…`)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from reports.dashboard.fragments import Fragment
from reports.dashboard.panels import PANELS, Panel
from reports.dashboard.presenters.site_shares import build_site_shares_fragment
from reports.dashboard.report_page import report_page
from reports.dashboard.scope import Context, ReportScope
from reports.dashboard.state import ReportState
from reports.dashboard.views.reports import overview
from reports.query.model import MAX_SITES
from sites.models import Site
from sites.selectors import select_sites

SITE_ID = re.compile(r"[1-9][0-9]{0,17}")


class NoSites(Http404):
    """The reader may see no site at all."""


def build_portfolio_panels() -> dict[str, Panel]:
    """Return the panels, with hosts before pages: the same path is another page on another site."""
    pages = PANELS["pages"]
    tabs = sorted(pages.tabs, key=lambda tab: tab.name != "hosts")
    return {**PANELS, "pages": replace(pages, tabs=tuple(tabs))}


@dataclass(frozen=True, kw_only=True)
class PortfolioScope(ReportScope):
    """Several sites as one report. Segments, annotations and visits belong to one site, so it has none of them."""

    has_site_pages = False
    has_details = False
    is_portfolio = True
    panels = build_portfolio_panels()
    templates: ClassVar[Mapping[str, str]] = {
        **ReportScope.templates, "report": "reports/portfolio.html", "report_fragment": "reports/_portfolio.html",
    }  # fmt: skip
    root_path = home_path = "/sites/all"

    sites: tuple[Site, ...]
    choices: tuple[Site, ...]  # the sites that the reader may choose from

    @property
    def name(self) -> str:
        return f"{len(self.sites)} site{'s' if len(self.sites) > 1 else ''}"

    @property
    def site_ids(self) -> tuple[int, ...]:
        return tuple(site.pk for site in self.sites)

    def build_extra_fragments(self, state: ReportState) -> dict[str, Fragment[object]]:
        return {"by_site": build_site_shares_fragment(state, self.sites)}

    def build_context(self) -> Context:
        return {**super().build_context(), "site": ""}

    def build_toolbar_context(self, state: ReportState) -> Context:
        chosen = set(self.site_ids) if self.has_selection else set()
        return {
            "section": "sites", "title": "All sites", "portfolio_sites": self.sites,
            "site_choices": [(site, site.pk in chosen) for site in self.choices],
            "max_sites": MAX_SITES * (len(self.choices) >= MAX_SITES),
            "other_zones": len({site.timezone for site in self.sites}) - 1,
            "hidden_choice": state.list_parameters_without("only"),
        }  # fmt: skip


def read_portfolio_scope(request: HttpRequest) -> PortfolioScope:
    """Return the scope of the sites of the URL. Raises Http404 for a chosen site that the reader may not see.

    The choices are the first MAX_SITES by name; a chosen site may also be one of the others. Days are those of the
    time zone that most of the sites use. Raises NoSites for a reader without sites.
    """
    visible = select_sites(request.user)
    choices, chosen = tuple(visible[:MAX_SITES]), set(request.GET.getlist("only"))
    sites = [site for site in choices if str(site.pk) in chosen]
    others = [text for text in chosen - {str(site.pk) for site in sites} if SITE_ID.fullmatch(text)]
    sites += visible.filter(pk__in=sorted(map(int, others))[:MAX_SITES]) if others else []
    if len(sites) != len(chosen):
        raise Http404("No such site.")
    shown_sites = tuple(sites[:MAX_SITES]) or choices
    if not shown_sites:
        raise NoSites("No sites.")
    zone = Counter(site.timezone for site in shown_sites).most_common(1)[0][0]
    lead = next(site for site in shown_sites if site.timezone == zone)
    return PortfolioScope(site=lead, sites=shown_sites, choices=choices, has_selection=bool(chosen))


portfolio_page = report_page(read_portfolio_scope)


def portfolio_report(request: HttpRequest) -> HttpResponse:
    """Display the portfolio; a reader without sites is redirected to the list of sites."""
    try:
        return portfolio_page(overview)(request)
    except NoSites:
        return redirect("dashboard:sites")
