"""Everywhere one can go: the pages of a site, one's own and the account's, the documentation. ⌘K searches these.

A page is one row here; rooms above add theirs by `register_places`, settings and documentation are read from their own
lists. A test asks whether every address that is a page of its own is among them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from django.db.models import Q
from django.http import HttpRequest

from accounts.navigation import account_rows
from reports.docs import CHAPTERS
from sites.access import sites_of
from sites.models import Site
from sites.navigation import PAGES as SETTINGS

Entry = tuple[str, str]  # words, address
MOST_SITES = 200


class Place(NamedTuple):
    """A page at /sites/<id>/<path>, for those who may do `may` with the site. `words` find it too."""

    path: str
    label: str
    words: str = ""
    may: str = "view"


SITE_PLACES: tuple[Place, ...] = (
    Place("", "Overview", "dashboard start"),
    Place("spy", "Spy", "live now"),
    Place("visitors", "Visitors", "people visits actions"),
    Place("content", "Content", "pages titles downloads outbound"),
    Place("sources", "Sources", "channels campaigns referrers utm"),
    Place("goals", "Goals", "conversions revenue"),
    Place("goals/new", "New goal", may="edit"),
    Place("funnels", "Funnels", "steps"),
    Place("funnels/new", "New funnel", may="edit"),
    Place("journeys", "Journeys", "paths before after"),
    Place("splits", "Split tests", "a/b experiments versions"),
    Place("retention", "Retention", "cohorts came back returning"),
    Place("heatmaps", "Heatmaps", "clicks scroll rage dead"),
    Place("uptime", "Uptime", "monitors incidents status"),
    Place("uptime/new", "New monitor", "uptime", may="edit"),
    Place("alerts", "Alerts", "notify webhook", may="edit"),
    Place("notes", "Notes", "annotations graph"),
    Place("ledger", "Received and refused", "ledger dropped hits"),
    Place("bots", "Bots", "crawlers robots ai"),
)
OWN_PLACES: tuple[Entry, ...] = (
    ("All sites", "/sites"),
    ("All sites as one · roll-up", "/sites/all"),
    ("Keyboard shortcuts", "/keys"),
    ("Documentation", "/docs/"),
)
Lister = Callable[[HttpRequest], list[Entry]]
_more: list[Lister] = []


def register_places(*listers: Lister) -> None:
    """Places of a higher room: each lister gives those its reader may open."""
    _more.extend(listers)


def site_paths() -> set[str]:
    """What may follow /sites/<id>/ and is a page on every site."""
    return {place.path for place in places_of_a_site()}


def places_of_a_site() -> list[Place]:
    settings = [Place(f"settings/{page.slug}", f"Settings: {page.label}", "", page.may) for page in SETTINGS]
    return [*SITE_PLACES, *settings]


def here(request: HttpRequest) -> int:
    """The number of the site one comes from; 0 for none."""
    came = request.headers.get("HX-Current-URL") or request.headers.get("Referer", "")
    found = re.search(r"/sites/(\d{1,12})(?:/|$)", came)
    return int(found[1]) if found else 0


def sites_offered(request: HttpRequest, came: int, search: str) -> list[Site]:
    """The site one comes from, those with a word of the search in their name, and others by name; each once.

    Of very many sites these are not all: at most MOST_SITES of each kind.
    """
    mine, named = sites_of(request.user), Q(pk__in=[])
    for word in search.split():
        named |= Q(domain__icontains=word) | Q(nickname__icontains=word)
    chosen = [*mine.filter(pk=came), *mine.filter(named)[:MOST_SITES], *mine[:MOST_SITES]]
    return list({site.pk: site for site in chosen}.values())


def places(request: HttpRequest, search: str = "") -> list[tuple[str, str, str]]:
    """(name, address, words to search in): first the site one comes from, then one's own pages, then other sites."""
    came = here(request)
    sites = sites_offered(request, came, search)
    rights = {may: set(sites_of(request.user, may).values_list("pk", flat=True)) for may in ("edit", "manage")}
    first = [entry for site in sites if site.pk == came for entry in of_site(site, rights)]
    own = [(label, href, label) for label, href in [*OWN_PLACES, *account(request), *manual()]]
    more = [(label, href, label) for lister in _more for label, href in lister(request)]
    other = [entry for site in sites if site.pk != came for entry in of_site(site, rights)]
    return [*first, *own, *more, *other]


def of_site(site: Site, rights: dict[str, set[int]]) -> list[tuple[str, str, str]]:
    name = str(site)
    return [
        (f"{name} · {one.label}", f"/sites/{site.pk}/{one.path}", f"{name} {site.domain} {one.label} {one.words}")
        for one in places_of_a_site()
        if one.may == "view" or site.pk in rights[one.may]
    ]


def account(request: HttpRequest) -> list[Entry]:
    """The account's and one's own settings, as the column beside them lists them."""
    return [(row["label"], row["href"]) for row in account_rows(request) if "href" in row]


def manual() -> list[Entry]:
    return [(f"Documentation · {page.title}", f"/docs/{page.slug}") for pages in CHAPTERS.values() for page in pages]
