"""All pages that a reader can go to: of sites, of the account, of the documentation. ⌘K searches them.

A page of a site is one row here; the documentation and other apps register theirs, settings are read from their own
list.
A test checks that every address that is a page of its own is among them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse

from accounts.settings_parts import build_account_navigation
from sites.models import Site
from sites.selectors import select_sites
from sites.settings_pages import PAGES as SETTINGS

NavigationEntry = tuple[str, str]  # label, address
SearchEntry = tuple[str, str, str]  # label, address, text to search in
MAX_SITES = 200


class SitePage(NamedTuple):
    """A page at /sites/<id>/<path> for those who may `may` the site. A search for one of `words` also finds it."""

    path: str
    label: str
    words: str = ""
    may: str = "view"


SITE_PAGES: tuple[SitePage, ...] = (
    SitePage("", "Overview", "dashboard start"),
    SitePage("spy", "Spy", "live now"),
    SitePage("visitors", "Visitors", "people visits actions"),
    SitePage("content", "Content", "pages titles downloads outbound"),
    SitePage("sources", "Sources", "channels campaigns referrers utm"),
    SitePage("goals", "Goals", "conversions revenue"),
    SitePage("goals/new", "New goal", may="edit"),
    SitePage("funnels", "Funnels", "steps"),
    SitePage("funnels/new", "New funnel", may="edit"),
    SitePage("journeys", "Journeys", "paths before after"),
    SitePage("splits", "Split tests", "a/b experiments versions"),
    SitePage("retention", "Retention", "cohorts came back returning"),
    SitePage("heatmaps", "Heatmaps", "clicks scroll rage dead"),
    SitePage("uptime", "Uptime", "monitors incidents status"),
    SitePage("uptime/new", "New monitor", "uptime", may="edit"),
    SitePage("alerts", "Alerts", "notify webhook", may="edit"),
    SitePage("notes", "Notes", "annotations graph"),
    SitePage("ledger", "Received and rejected", "ledger dropped hits"),
    SitePage("bots", "Bots", "crawlers robots ai"),
)
COMMON_PAGES = (  # labels and the names of their URLs
    ("All sites", "dashboard:sites"),
    ("All sites together · roll-up", "dashboard:rollup"),
    ("Keyboard shortcuts", "dashboard:keyboard-shortcuts"),
    ("Documentation", "reports:docs"),
)
EntryReader = Callable[[HttpRequest], list[NavigationEntry]]
_readers: list[EntryReader] = []


def register_navigation(*readers: EntryReader) -> None:
    """Register functions that return the pages of another app which the reader may open."""
    _readers.extend(readers)


def list_site_paths() -> set[str]:
    """Return the paths after /sites/<id>/ that are a page of every site."""
    return {page.path for page in list_site_pages()}


def list_site_pages() -> list[SitePage]:
    """Return the pages of a site, with its settings."""
    settings = [SitePage(f"settings/{page.slug}", f"Settings: {page.label}", "", page.may) for page in SETTINGS]
    return [*SITE_PAGES, *settings]


def find_current_site_id(request: HttpRequest) -> int:
    """Return the id of the site whose page the reader comes from; 0 for none."""
    url = request.headers.get("HX-Current-URL") or request.headers.get("Referer", "")
    match = re.search(r"/sites/(\d{1,12})(?:/|$)", url)
    return int(match[1]) if match else 0


def list_offered_sites(request: HttpRequest, current_id: int, search: str) -> list[Site]:
    """Return the current site, sites with a word of the search in their name, and others by name; each once.

    A reader with very many sites gets at most MAX_SITES of each kind.
    """
    visible, matches = select_sites(request.user), Q(pk__in=[])
    for word in search.split():
        matches |= Q(domain__icontains=word) | Q(nickname__icontains=word)
    sites = [*visible.filter(pk=current_id), *visible.filter(matches)[:MAX_SITES], *visible[:MAX_SITES]]
    return list({site.pk: site for site in sites}.values())


def list_entries(request: HttpRequest, search: str = "") -> list[SearchEntry]:
    """Return all pages that the reader may open: of the current site, common ones, other sites, then their pages."""
    current_id = find_current_site_id(request)
    sites = list_offered_sites(request, current_id, search)
    rights = {may: set(select_sites(request.user, may).values_list("pk", flat=True)) for may in ("edit", "manage")}
    current = [entry for site in sites if site.pk == current_id for entry in list_site_entries(site, rights)]
    others = [list_site_entries(site, rights) for site in sites if site.pk != current_id]
    common = [*((label, reverse(name)) for label, name in COMMON_PAGES), *list_account_entries(request)]
    registered = [entry for reader in _readers for entry in reader(request)]
    return [
        *current,
        *((label, href, label) for label, href in common),
        *(entries[0] for entries in others),  # their reports
        *((label, href, label) for label, href in registered),
        *(entry for entries in others for entry in entries[1:]),
    ]


def list_site_entries(site: Site, rights: dict[str, set[int]]) -> list[SearchEntry]:
    """Return the pages of a site. `rights`: the ids of the sites that the reader may edit and manage."""
    name = str(site)
    return [
        (f"{name} · {page.label}", f"/sites/{site.pk}/{page.path}", f"{name} {site.domain} {page.label} {page.words}")
        for page in list_site_pages()
        if page.may == "view" or site.pk in rights[page.may]
    ]


def list_account_entries(request: HttpRequest) -> list[NavigationEntry]:
    """Return the settings of the account and of the reader, as the settings' navigation lists them."""
    return [(row["label"], row["href"]) for row in build_account_navigation(request) if "href" in row]
