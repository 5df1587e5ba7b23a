"""The reader's theme, the list of keyboard shortcuts, and "go anywhere" (⌘K)."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode, urlsplit

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from reports.dashboard.navigation import list_entries, list_site_paths
from reports.dashboard.state import PERIODS
from sites.selectors import select_sites

COOKIE_SECONDS = 31_536_000  # a year
MAX_ENTRIES = 40
MAX_QUERY_LENGTH = 100
DIGITS = "0123456789"
OTHER_THEME = {"dark": "light", "light": "dark"}
PERIOD_PARAMETERS = ("period", "compare", "metric", "second")
KEYBOARD_SHORTCUTS = (
    ("/", "Search, or add a filter"), ("⌘K", "Go anywhere"), *((key, label) for _, label, key in PERIODS if key),
    ("C", "Compare"), ("S", "Spy"), ("1–9", "The first to ninth site"), ("0", "All sites together"),
    ("X", "Clear filters"), ("E", "Export: the table, or the image of the graph"),
    ("D", "Light or dark"), ("?", "This list"),
)  # fmt: skip


def parse_next(request: HttpRequest, url: str) -> str:
    """Return the URL if it is a page of this host, else "/"."""
    allowed = url_has_allowed_host_and_scheme(url, {request.get_host()}, require_https=request.is_secure())
    return url if allowed else "/"


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Switch between light and dark, stored in a cookie. Without a cookie the first switch is to dark."""
    response = HttpResponseRedirect(parse_next(request, request.POST.get("next", "/")))
    chosen = OTHER_THEME.get(request.COOKIES.get("theme", ""), "dark")
    response.set_cookie("theme", chosen, max_age=COOKIE_SECONDS, samesite="Lax", secure=request.is_secure())
    return response


@require_safe
@login_required
def keyboard_shortcuts(request: HttpRequest) -> HttpResponse:
    """Display the keyboard shortcuts, as a page or as a dialog over one."""
    is_dialog = bool(request.htmx)  # type: ignore[attr-defined]
    template = "reports/_keyboard_shortcuts.html" if is_dialog else "reports/keyboard_shortcuts.html"
    return render(request, template, {"shortcuts": KEYBOARD_SHORTCUTS})


@require_safe
@login_required
def go(request: HttpRequest) -> HttpResponse:
    """Display the sites and pages that match `q`, as a page or as a dialog over one.

    `?site=` with a digit redirects to that site.
    """
    if (number := request.GET.get("site", "")) and len(number) == 1 and number in DIGITS:
        return HttpResponseRedirect(switch_site(request, int(number)))
    q = request.GET.get("q", "").strip().lower()[:MAX_QUERY_LENGTH]
    words = q.split()
    matches = [
        (name, href) for name, href, text in list_entries(request, q) if all(word in text.lower() for word in words)
    ]
    htmx = request.htmx  # type: ignore[attr-defined]
    fragment = "reports/_go_list.html" if htmx and htmx.target == "go-list" else "reports/_go.html" if htmx else ""
    return render(request, fragment or "reports/go.html", {"entries": matches[:MAX_ENTRIES], "q": q})


def switch_site(request: HttpRequest, number: int) -> str:
    """Return the address of the n-th site (0 = the portfolio), with the page and period of the URL in `from`."""
    site = select_sites(request.user)[number - 1 : number].first() if number else None
    current = urlsplit(request.GET.get("from", ""))
    page = re.sub(r"^/sites/(\d+|all)/?", "", current.path)
    parameters = {name: value for name, value in parse_qsl(current.query) if name in PERIOD_PARAMETERS}
    query = "?" + urlencode(parameters) if parameters else ""
    if site is None:
        return "/sites" if number else f"/sites/all{query}"
    paths = list_site_paths()
    path = next((candidate for candidate in (page, page.split("/")[0]) if candidate in paths), "")
    return f"/sites/{site.pk}/{path}{query}"
