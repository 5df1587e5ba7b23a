"""What a reader sets for themselves: the theme. And where the keyboard leads: the list of keys, "go anywhere"."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode, urlsplit

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from reports.pages.places import places, site_paths
from reports.pages.state import PERIODS
from sites.access import sites_of

YEAR = 31_536_000
MOST_FOUND = 40
DIGITS = "0123456789"
THEMES = {"dark": "light", "light": "dark"}
KEYS = (
    ("/", "Search, or add a filter"), ("⌘K", "Go anywhere"), *((key, label) for _, label, key in PERIODS if key),
    ("C", "Compare"), ("S", "Spy"), ("1–9", "The first to ninth site"), ("0", "All sites as one"),
    ("X", "Clear filters"), ("E", "Export: the table, or the picture of the graph"),
    ("D", "Light or dark"), ("?", "This list"),
)  # fmt: skip


def safe_next(request: HttpRequest, given: str) -> str:
    """Where to go back to: only ever a page of this host."""
    allowed = url_has_allowed_host_and_scheme(given, {request.get_host()}, require_https=request.is_secure())
    return given if allowed else "/"


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Turn light into dark and back, kept in a cookie. Without one, the first press chooses dark."""
    response = HttpResponseRedirect(safe_next(request, request.POST.get("next", "/")))
    chosen = THEMES.get(request.COOKIES.get("theme", ""), "dark")
    response.set_cookie("theme", chosen, max_age=YEAR, samesite="Lax", secure=request.is_secure())
    return response


@require_safe
@login_required
def keys(request: HttpRequest) -> HttpResponse:
    """The list of keys, as a page and as a sheet over one."""
    return render(request, "reports/_keys.html" if request.htmx else "reports/keys.html", {"keys": KEYS})  # type: ignore[attr-defined]


@require_safe
@login_required
def go(request: HttpRequest) -> HttpResponse:
    """Every site and page of it that matches `q`, as a page and as a sheet over one."""
    if (number := request.GET.get("site", "")) and len(number) == 1 and number in DIGITS:
        return HttpResponseRedirect(switched(request, int(number)))
    q = request.GET.get("q", "").strip().lower()[:100]
    found = [(name, href) for name, href, said in places(request, q) if all(word in said.lower() for word in q.split())]
    context = {"entries": found[:MOST_FOUND], "q": q}
    htmx = request.htmx  # type: ignore[attr-defined]
    part = "reports/_go_list.html" if htmx and htmx.target == "go-list" else "reports/_go.html" if htmx else ""
    return render(request, part or "reports/go.html", context)


def switched(request: HttpRequest, number: int) -> str:
    """The n-th site (0 = all as one), on the same page and with the same period as the page one comes from."""
    site = sites_of(request.user)[number - 1 : number].first() if number else None
    came = urlsplit(request.GET.get("from", ""))
    page = re.sub(r"^/sites/(\d+|all)/?", "", came.path)
    kept = {name: value for name, value in parse_qsl(came.query) if name in ("period", "compare", "metric", "second")}
    query = "?" + urlencode(kept) if kept else ""
    if site is None:
        return "/sites" if number else f"/sites/all{query}"
    known = site_paths()
    return f"/sites/{site.pk}/{next((one for one in (page, page.split('/')[0]) if one in known), '')}{query}"
