"""Heatmaps: the pages with clicks, the picture of one page's clicks and scroll depth, and what a site records."""

from __future__ import annotations

import re
from urllib.parse import quote, urlencode

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from goals.predicates import Filter
from goals.selectors import list_active_goals
from reports.dashboard.fragments import QUERY_ERRORS, describe_error
from reports.dashboard.presenters.heatmap_drawing import draw_heatmap
from reports.dashboard.presenters.toolbar import build_toolbar
from reports.dashboard.presenters.visits import parse_instant
from reports.dashboard.report_page import site_page
from reports.dashboard.scope import Context
from reports.dashboard.state import ReportState
from reports.labels import build_nickname
from reports.query.analyses import heatmaps
from reports.query.errors import QueryRefused
from sites import onsite_tokens
from sites.forms import LinesField
from sites.hosts import HostMatcher
from sites.models import Site
from sites.selectors import get_site_or_404, may_on_site
from sites.services import site_update
from sites.settings_fields import parse_tracker_settings
from sites.settings_pages import build_settings_context

HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?")
PAGE_ROWS = 50
MAX_OFFSET = 100_000
MAX_ELEMENTS = 25
WIDTHS = (("", "Every width"), ("phone", "Phones"), ("tablet", "Tablets"), ("desktop", "Desktops"))
PROBLEMS = {"rage": "Rage: clicked again and again", "dead": "Dead: nothing happened"}
MAX_PATH_LENGTH = 500  # of a page that records no heatmap
MAX_PATHS_LENGTH = 6_000  # of all of them, as a Python list


class HeatmapSettingsForm(forms.Form):
    """What a site records for its heatmaps (`Site.tracker`, applied by `tracking.endpoints.heatmap`)."""

    share = forms.IntegerField(
        label="Visitors whose clicks are recorded, in percent", min_value=0, max_value=100,
        help_text="100 = everybody, 0 = nobody. All clicks of a visitor are recorded, or none.",
    )  # fmt: skip
    off = LinesField(label="Pages that record nothing", help_text="One path per line, * as a wildcard: /account/*")

    @classmethod
    def from_site(cls, site: Site, data: QueryDict | None = None) -> HeatmapSettingsForm:
        """Return the form with the site's current settings."""
        settings = parse_tracker_settings(site.tracker)
        return cls(data, initial={"share": round(settings.heatmap * 100), "off": list(settings.heatmap_off)})

    def clean_off(self) -> list[str]:
        """Return the paths, each of which begins with a slash or a star."""
        lines: list[str] = self.cleaned_data["off"]
        if any(len(line) > MAX_PATH_LENGTH for line in lines) or len(repr(lines)) > MAX_PATHS_LENGTH:
            raise forms.ValidationError(
                f"Use lines of at most {MAX_PATH_LENGTH} characters, {MAX_PATHS_LENGTH:,} together."
            )
        if invalid := [line for line in lines if line[0] not in "/*"]:
            raise forms.ValidationError(f"A path begins with /, or with * for anything: {invalid[0]!r} does not.")
        return lines

    def build_settings(self) -> dict[str, object]:
        """Return the settings for `Site.tracker`."""
        return {"heatmap": self.cleaned_data["share"] / 100, "heatmap_off": self.cleaned_data["off"]}


@site_page
def heatmap_list(request: HttpRequest, state: ReportState) -> HttpResponse:
    """Display the pages with clicks in the period, the most clicked first."""
    offset = state.offset
    context: Context = {
        **build_toolbar(request, state), "without_comparison": True,
        "section": "heatmaps", "search": state.option("q"),
        "may_edit": may_on_site(request.user, state.site, "edit"),
        "hidden_search": state.list_parameters_without("q", "from"),
    }  # fmt: skip
    try:
        rows = heatmaps.fetch_pages(
            build_heat_query(state, ""), state.option("q"), PAGE_ROWS + 1, min(offset, MAX_OFFSET)
        )
    except QUERY_ERRORS as error:
        return render(request, "reports/heatmaps.html", {**context, "failed": describe_error(error)})
    context["rows"] = [{**row, "href": build_heatmap_href(state, row["path"])} for row in rows[:PAGE_ROWS]]
    has_more = len(rows) > PAGE_ROWS
    context["next"] = state.with_view({"from": str(offset + PAGE_ROWS)}).href() if has_more else ""
    return render(request, "reports/heatmaps.html", context)


@site_page
def heatmap(request: HttpRequest, state: ReportState) -> HttpResponse:
    """Display one page: its picture, its elements, and the visits with rage or dead clicks."""
    path = state.option("at", "/")
    context: Context = {
        **build_toolbar(request, state), "without_comparison": True,
        "section": "heatmaps", "page": path, "outcome": state.option("outcome"),
        "back": state.with_view({"at": "", "width": "", "outcome": ""}).href(
            reverse("dashboard:heatmaps", args=[state.site.pk])
        ),
        "widths": [(label, state.with_view({"width": name}).href(), name == state.option("width"))
                   for name, label in WIDTHS],
        "outcomes": list_outcomes(state.site),
        "hidden_outcome": state.list_parameters_without("outcome"),
    }  # fmt: skip
    try:
        context |= build_heatmap(request, state, build_heat_query(state, path))
    except QUERY_ERRORS as error:
        context["failed"] = describe_error(error)
    return render(request, "reports/heatmap.html", context)


def build_heatmap(request: HttpRequest, state: ReportState, query: heatmaps.Heatmap) -> Context:
    """Return the context of a page's heatmap. Raises QueryRefused, StoreError."""
    totals, elements = heatmaps.fetch_totals(query), heatmaps.fetch_elements(query)
    most_clicks = max((int(row["clicks"]) for row in elements), default=1)
    zone = state.period.info
    return {
        "totals": totals,
        "drawing": draw_heatmap(totals, heatmaps.fetch_cells(query), heatmaps.fetch_scroll_depths(query), query.width),
        "elements": [{**row, "share": f"{100 * row['clicks'] / most_clicks:.1f}"} for row in elements[:MAX_ELEMENTS]],
        "problem_clicks": [
            {**row, "words": PROBLEMS[row["kind"]], "name": build_nickname(row["visitor"]),
             "when": parse_instant(row["at"]).astimezone(zone)}
            for row in heatmaps.fetch_wrong_clicks(query)
        ],
        "overlay": build_overlay_href(request, state, heatmaps.find_host(query)),
    }  # fmt: skip


def build_heat_query(state: ReportState, path: str) -> heatmaps.Heatmap:
    """Return the query of the clicks on a page ("" = all pages). Raises QueryRefused."""
    width = state.option("width") if state.option("width") in heatmaps.WIDTHS else ""
    where = state.build_filter(*parse_outcome(state.option("outcome")))
    return heatmaps.build_heatmap(state.site.pk, state.period, path, where, width, now=state.now)


def parse_outcome(outcome: str) -> list[Filter]:
    """Return the filter of visits that reached a goal (`reached:3`) or did not (`missed:3`); empty for "".

    Raises QueryRefused for anything else.
    """
    if not outcome:
        return []
    word, _, number = outcome.partition(":")
    if word not in ("reached", "missed") or not (number.isascii() and number.isdigit() and len(number) < 16):
        raise QueryRefused("The outcome of a visit is written reached:<goal> or missed:<goal>.", "outcome")
    reached: Filter = {"visited": {"goal": int(number)}}
    return [reached if word == "reached" else {"not": reached}]


def list_outcomes(site: Site) -> list[tuple[str, str]]:
    """Return (value, label) of the outcomes that visits of the site can be filtered by."""
    goals = [(goal.pk, goal.name) for goal in list_active_goals([site.pk]) if goal.active]
    return [
        (f"{word}:{number}", f"{label} “{name}”")
        for number, name in goals
        for word, label in (("reached", "Reached"), ("missed", "Did not reach"))
    ]


def build_heatmap_href(state: ReportState, path: str) -> str:
    """Return the address of a page's heatmap."""
    return state.with_view({"at": path, "q": "", "from": ""}).href(reverse("dashboard:heatmap", args=[state.site.pk]))


def build_overlay_href(request: HttpRequest, state: ReportState, host: str) -> str:
    """Return the address of the measured page with a token that lets it display its heatmap; empty for no path.

    The host of an event is not trustworthy: only one of the site's own hosts gets the token.
    """
    site, path = state.site, state.option("at", "/")
    own_hosts = HostMatcher(site.domain, tuple(site.allowed_hosts), False)
    if not HOST.fullmatch(host) or not own_hosts.accepts_host(host):
        host = site.domain
    if not path.startswith("/"):
        return ""
    options = state.list_parameters_without("period", "at", "width", "compare", "q", "from")
    query = urlencode([("period", state.period_name), *options])
    token = onsite_tokens.create_onsite_token(site.pk, request.user.pk or 0)
    return f"{request.scheme}://{host}{quote(path, safe='/?&=%:+,;@!$*()~.-')}#_heatmap={token}&{query}"


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def heatmap_settings(request: HttpRequest, site_id: int) -> HttpResponse:
    """Edit the share of visitors that is recorded, and the pages that record nothing."""
    site = get_site_or_404(request, site_id, may="edit")
    form = HeatmapSettingsForm.from_site(site, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        site_update(site=site, tracker={**site.tracker, **form.build_settings()})
        messages.success(request, "Saved. Pages apply it from their next view on.")
        return redirect("dashboard:heatmap-settings", site.pk)
    context = {**build_settings_context(request, site, "heatmaps"), "form": form}
    return render(request, "reports/heatmap_settings.html", context)
