"""The portfolio: one report of all sites that the reader may see, or of those chosen (`?only=101000001&only=…`)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from reports.dashboard.base_view import htmx_target, set_private
from reports.dashboard.fragments import Fragment
from reports.dashboard.panels import PANELS, Panel
from reports.dashboard.presenters.tables import format_share
from reports.dashboard.presenters.toolbar import build_common_toolbar
from reports.dashboard.state import ReportState, read_state
from reports.dashboard.views.explain import render_explanation
from reports.dashboard.views.graph_image import render_image
from reports.dashboard.views.reports import build_report, load_named_panel, render_fragment
from reports.formatting import FormattedValue, format_metric
from reports.query import Query, Result
from reports.query.errors import QueryRefused
from reports.query.model import MAX_SITES
from sites.access import sites_for_actor
from sites.models import Site

ROOT_PATH = "/sites/all"
SITE_METRICS = ("visitors", "visits", "views")
MAX_TABLE_SITES = 200
SITE_ID = re.compile(r"[1-9][0-9]{0,17}")


class NoSites(Http404):
    """The reader may see no site at all."""


@dataclass(frozen=True)
class Portfolio:
    """The sites of the report, and those that the reader may choose from."""

    sites: list[Site]
    choices: list[Site]


def portfolio_panels() -> dict[str, Panel]:
    """Return the panels, with hosts before pages: the same path is another page on another site."""
    pages = PANELS["pages"]
    tabs = sorted(pages.tabs, key=lambda tab: tab.name != "hosts")
    return {**PANELS, "pages": replace(pages, tabs=tuple(tabs))}


def read_portfolio(request: HttpRequest) -> Portfolio:
    """Return the sites of the URL. Http404 for a chosen site that the reader may not see.

    Both lists are the first MAX_SITES by name; a chosen site may also be one of the others.
    """
    visible = sites_for_actor(request.user)
    choices, chosen = list(visible[:MAX_SITES]), set(request.GET.getlist("only"))
    sites = [site for site in choices if str(site.pk) in chosen]
    others = [text for text in chosen - {str(site.pk) for site in sites} if SITE_ID.fullmatch(text)]
    sites += visible.filter(pk__in=sorted(map(int, others))[:MAX_SITES]) if others else []
    if len(sites) != len(chosen):
        raise Http404("No such site.")
    return Portfolio(sites[:MAX_SITES] or choices, choices)


def read_portfolio_state(request: HttpRequest, sites: list[Site]) -> ReportState:
    """Return the state of the URL for these sites. Days are those of the time zone that most of them use."""
    zone = Counter(site.timezone for site in sites).most_common(1)[0][0]
    lead = next(site for site in sites if site.timezone == zone)
    state = read_state(request, lead, timezone.now(), ROOT_PATH, portfolio_ids=tuple(site.pk for site in sites))
    return replace(state, segment=0, root_path=ROOT_PATH, has_selection=bool(request.GET.getlist("only")))


def build_portfolio_toolbar(state: ReportState, portfolio: Portfolio, live: bool = True) -> dict[str, Any]:
    """Return the context of the toolbar: the choice of sites, and no segments, which belong to one site."""
    chosen = set(state.portfolio_ids) if state.has_selection else set()
    zones = {site.timezone for site in portfolio.sites}
    return {
        **build_common_toolbar(state, live), "site": None, "shared": True, "section": "sites", "title": "All sites",
        "portfolio_sites": portfolio.sites,
        "choice": [(site, site.pk in chosen) for site in portfolio.choices],
        "most": MAX_SITES * (len(portfolio.choices) >= MAX_SITES),
        "other_zones": len(zones) - 1,
        "hidden_choice": state.parameters_without("only"),
    }  # fmt: skip


PortfolioView = Callable[..., HttpResponse]


def portfolio_page(view: PortfolioView) -> PortfolioView:
    """Make `view(request, state, portfolio, …)` a page of the portfolio. Raises NoSites for a reader without sites."""

    @require_safe
    @login_required
    @wraps(view)
    def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        portfolio = read_portfolio(request)
        if not portfolio.sites:
            raise NoSites("No sites.")
        try:
            state = read_portfolio_state(request, portfolio.sites)
            response = view(request, state, portfolio, *args, **kwargs)
        except QueryRefused as error:
            context = {"sentence": error.sentence, "clean": ROOT_PATH}
            response = render(request, "reports/refused.html", context, status=400)
        return set_private(response)

    return page


def portfolio_report(request: HttpRequest) -> HttpResponse:
    """Display the portfolio; a reader without sites is redirected to the list of sites."""
    try:
        return render_portfolio(request)
    except NoSites:
        return HttpResponseRedirect("/sites")


@portfolio_page
def render_portfolio(request: HttpRequest, state: ReportState, portfolio: Portfolio) -> HttpResponse:
    """Render the page, or only the report or a fragment of it where htmx requests that."""
    panels, by_site = portfolio_panels(), {"by_site": site_shares_fragment(state, portfolio.sites)}
    if (fragment := render_fragment(request, state, "overview", panels, by_site, shared=True)) is not None:
        return fragment
    toolbar = build_portfolio_toolbar(state, portfolio, live=False)
    context = {**toolbar, **build_report(request, state, "overview", panels, by_site)}
    is_page = htmx_target(request) != "sheet"
    return render(request, "reports/rollup.html" if is_page else "reports/_rollup.html", context)


@portfolio_page
def portfolio_panel(
    request: HttpRequest, state: ReportState, portfolio: Portfolio, name: str, tab: str
) -> HttpResponse:
    """Display one panel of the portfolio."""
    target = htmx_target(request)
    panel = load_named_panel(state, name, tab, target, portfolio_panels())
    if target:
        return render(request, "reports/_panel.html", {"panel": panel})
    return render(request, "reports/panel.html", {**build_portfolio_toolbar(state, portfolio), "panel": panel})


@portfolio_page
def portfolio_explain(request: HttpRequest, state: ReportState, portfolio: Portfolio) -> HttpResponse:
    """Explain a number of the portfolio."""
    return render_explanation(request, state)


@portfolio_page
def portfolio_graph_svg(request: HttpRequest, state: ReportState, portfolio: Portfolio) -> HttpResponse:
    """Send the graph of the portfolio as a file."""
    count = len(portfolio.sites)
    return render_image(request, state, f"{count} site{'s' if count > 1 else ''}")


@dataclass(frozen=True)
class SiteShare:
    """One site's share of the visitors of the portfolio."""

    site: Site
    href: str
    cells: list[FormattedValue]
    share: str  # of the largest site, 0 to 100
    percent: str


@dataclass(frozen=True)
class SiteShares:
    """The table of sites, or the reason why it cannot be displayed."""

    rows: list[SiteShare] = field(default_factory=list)
    failed: str = ""


def site_shares_fragment(state: ReportState, sites: list[Site]) -> Fragment[SiteShares]:
    """Return the fragment of the table of sites, the most visited first. One query is of all sites."""

    def build_queries() -> list[Query]:
        return [state.build_query(SITE_METRICS, ("site",), limit=MAX_TABLE_SITES, compare=state.compare)]

    return Fragment(
        build_queries, lambda results: build_shares(state, sites, results[0]), lambda reason: SiteShares(failed=reason)
    )


def build_shares(state: ReportState, sites: list[Site], result: Result) -> SiteShares:
    """Format the table of sites; a site without a row in the result has zeros."""
    before = result.comparison if isinstance(result.comparison, list) else []
    by_site = {str(row["site"]): (row, before[index] if before else {}) for index, row in enumerate(result.rows)}
    largest = max((row["visitors"] or 0 for row in result.rows), default=0) or 1
    total = sum(row["visitors"] or 0 for row in result.rows)
    shares = []
    for site in sites:
        row, old = by_site.get(str(site.pk), ({}, {}))
        visitors = row.get("visitors") or 0
        cells = [format_metric(name, row.get(name) or 0, state.locale, old.get(name)) for name in SITE_METRICS]
        alone = replace(state, root_path="", portfolio_ids=(), has_selection=False).with_view({"of": ""})
        percent = format_share(visitors / total * 100 if total else None)
        share = SiteShare(site, alone.href(f"/sites/{site.pk}/"), cells, f"{visitors / largest * 100:.1f}", percent)
        shares.append((visitors, share))
    shares.sort(key=lambda pair: -pair[0])
    return SiteShares([share for _, share in shares[:MAX_TABLE_SITES]])
