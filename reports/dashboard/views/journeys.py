"""Journeys: the pages that visitors view before and after a page. Every neighbour is a link to a longer path."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from reports.dashboard.fragments import QUERY_ERRORS, describe_error
from reports.dashboard.presenters.toolbar import build_toolbar
from reports.dashboard.report_page import site_page
from reports.dashboard.scope import Context
from reports.dashboard.state import ReportState
from reports.formatting import FormattedValue, format_metric
from reports.query.analyses.journeys import LEVELS, MAX_PAGES, Neighbour, find_journeys
from sites.selectors import may_on_site

LABELS = {-2: "Two before", -1: "Before", 1: "After", 2: "Two after", 3: "Three after"}
PAGE_SEPARATOR = "\n"  # between the pages of a path in the URL


@dataclass(frozen=True)
class NeighbourRow:
    """A neighbour; `share` is percent of the visits along the path. Without `href`, the visit began or ended here."""

    page: str
    visits: FormattedValue
    share: str
    href: str


@site_page
def journey_report(request: HttpRequest, state: ReportState) -> HttpResponse:
    """Display one path and its neighbours; the front page if the URL names none."""
    pages = state.option("at", "/").replace("\r", "").split(PAGE_SEPARATOR)
    path = [page for page in pages if page][:MAX_PAGES] or ["/"]
    context: Context = {
        **build_toolbar(request, state), "without_comparison": True, "section": "goals", "sub": "journeys",
        "path": path,
        "may_edit": may_on_site(request.user, state.site, "edit"),
        "hidden_at": state.list_parameters_without("at"),
        "funnel": reverse("dashboard:funnel-new", args=[state.site.pk])
        + "?" + urlencode([("page", page) for page in path]),
        "shorter_path_url": build_path_href(state, path[:-1]) if len(path) > 1 else "",
    }  # fmt: skip
    try:
        visits, neighbours = find_journeys(state.site.pk, state.period, path, state.build_filter(), now=state.now)
        context["visits"] = format_metric("visits", visits, state.locale)
        columns = [(LABELS[level], build_column(state, path, level, neighbours[level], visits)) for level in LEVELS]
        context["before"], context["after"] = columns[:2], columns[2:]
    except QUERY_ERRORS as error:
        context["failed"] = describe_error(error)
    return render(request, "reports/journeys.html", context)


def build_path_href(state: ReportState, path: list[str]) -> str:
    """Return the address of a path."""
    return state.with_view({"at": PAGE_SEPARATOR.join(path)}).href()


def build_column(
    state: ReportState, path: list[str], level: int, neighbours: list[Neighbour], visits: int
) -> list[NeighbourRow]:
    """Format the neighbours at one distance. Direct neighbours extend the path; others begin a path of their own."""

    def href(page: str) -> str:
        if not page or len(path) >= MAX_PAGES:
            return ""
        return build_path_href(state, {-1: [page, *path], 1: [*path, page]}.get(level, [page]))

    end = "began here" if level < 0 else "left"
    return [
        NeighbourRow(
            row.page or end, format_metric("visits", row.visits, state.locale),
            f"{100 * row.visits / visits:.1f}" if visits else "0", href(row.page),
        )
        for row in neighbours
    ]  # fmt: skip
