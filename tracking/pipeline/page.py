"""Fill the page (host, path with the meaningful part of the query, title) and the event's own details.

Stored URLs follow what Clicky documents: click and session ids go, parameters with a name or value above 64
characters go, a query ends after 250 characters, a search page loses its query unless the site keeps internal
searches, an anchor stays only if it is the whole address, or a route (`#/…`, `#!…`) of a site whose routes are there.
Letters of all scripts are stored as letters, and characters are counted after that.

Unlike Clicky, which cuts a path after 128 characters, paths are stored up to 500: long articles whose addresses differ
only near the end are different pages.
"""

from __future__ import annotations

import math
import re
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, cast
from urllib.parse import parse_qsl, urlencode

from accounts.host_names import normalize_host
from sites.page_paths import decode_path, decode_url, truncate_path
from sites.site_config import SiteConfig
from tracking.event import UTM_NAMES, Event, Hit

PARAMETERS = tomllib.loads((Path(__file__).resolve().parent.parent / "data" / "parameters.toml").read_text())
CLICK_IDS = frozenset(PARAMETERS["click_ids"])
SESSION_IDS = frozenset(PARAMETERS["session_ids"])
MAX_URL_LENGTH = 8000
CAMPAIGN_PREFIXES = ("utm_", "hsa_")
SOURCE_PARAMETERS = ("ref", "source", "via")  # name the source, where there is no utm_source
SOURCE_VALUE = re.compile(r"[\w.+ -]{1,64}")
SEARCH_PAGE = re.compile(
    r"(?:site|internal|catalog)?[-_]?search(?:[-_]?(?:results?|pages?))?(?:\.[a-z]{2,5})?", re.IGNORECASE
)
MISPLACED_QUESTION_MARK = re.compile(r"\?+(?=utm_[a-z]+=)", re.IGNORECASE)  # `?a=1?utm_source=b`
MAX_PARAMETER_LENGTH, MAX_QUERY_LENGTH, MAX_PATH_LENGTH = 64, 250, 500
MAX_ADDRESS_LENGTH = 1000  # path, query and route together


class PageAddress(NamedTuple):
    """A parsed address. `utm` has the parameters of UTM_NAMES, `click_ids` those of CLICK_IDS that it contains.

    `source` is the value of one of SOURCE_PARAMETERS.
    """

    host: str
    path: str
    utm: dict[str, str]
    click_ids: frozenset[str]
    custom: dict[str, str]  # utm_custom[username]=… belongs to the visitor
    source: str = ""


def clip_text(text: str, length: int) -> str:
    """Return the text as it can be stored: at most `length` characters, without NUL and outer blanks."""
    if "\x00" in text:
        text = text.replace("\x00", "")
    return text[:length].strip()


def select_query(pairs: list[tuple[str, str]]) -> str:
    """Return the part of a query that distinguishes pages, with its question mark; "" when nothing is left."""
    from_google = any(name == "ust" for name, _ in pairs)  # by Google, which adds `sa` and `source`
    selected = [
        (name, value)
        for name, value in pairs
        if len(name) <= MAX_PARAMETER_LENGTH
        and len(value) <= MAX_PARAMETER_LENGTH
        and (lower := name.lower()) not in CLICK_IDS
        and lower not in SESSION_IDS
        and not lower.startswith(CAMPAIGN_PREFIXES)
        and not (lower in SOURCE_PARAMETERS and SOURCE_VALUE.fullmatch(value))
        and not (from_google and lower in ("sa", "ust", "usg"))
    ]
    if not selected:
        return ""
    encoded = urlencode(selected, safe="/:,[]@!$*()", errors="replace")
    return truncate_path(f"?{decode_path(encoded)}", MAX_QUERY_LENGTH + 1)


def parse_query(query: str) -> list[tuple[str, str]]:
    """Parse a query, even if it was escaped for HTML (`&amp;`) or has its question mark twice."""
    pairs = parse_qsl(MISPLACED_QUESTION_MARK.sub("&", query[:4000].lstrip("?")), keep_blank_values=True)
    if "amp;" not in query and "amp%3B" not in query:
        return pairs
    return [(name.replace("amp;", ""), value) for name, value in pairs]


def is_search_page(path: str) -> bool:
    """Return whether a segment of the path names a search page: `/search`, `/site-search/results.php`."""
    return "search" in path.lower() and any(map(SEARCH_PAGE.fullmatch, path.split("/")))


def find_source_value(parameters: dict[str, str]) -> str:
    """Return the source named by the parameter `ref`, `source` or `via`; "" where none has a plain name."""
    if "ust" in parameters:  # `source=gmail` of Google's own redirects does not name the link's source
        return ""
    words = (parameters[name] for name in SOURCE_PARAMETERS if name in parameters)
    return next((word.strip() for word in words if SOURCE_VALUE.fullmatch(word)), "")


def is_absolute(url: str) -> bool:
    """Return whether an address includes its host."""
    return "://" in url[:20] and not url.startswith(("/", "#", "?"))


def split_address(url: str) -> tuple[str, str, str, str]:
    """Split an absolute address or a path into (host, path, query, fragment). Never raises."""
    rest, host = url, ""
    if is_absolute(url):
        rest = url.split("//", 1)[1]
        cut = min((at for mark in "/?#" if (at := rest.find(mark)) >= 0), default=len(rest))
        host, rest = normalize_host(rest[:cut]), rest[cut:]
    rest, _, fragment = rest.partition("#")
    path, _, query = rest.partition("?")
    return host, path, query, fragment


def is_route(fragment: str) -> bool:
    """Return whether a fragment is an address of a single-page application: `/about`, `!about`."""
    return fragment.startswith(("/", "!"))


def select_route(fragment: str) -> str:
    """Return the part of a route that distinguishes pages, with its `#`; its query is treated like any other."""
    path, _, query = fragment.partition("?")
    return f"#{path[:MAX_PATH_LENGTH]}{select_query(parse_qsl(query[:4000], keep_blank_values=True))}"


@lru_cache(maxsize=20_000)
def parse_page_address(url: str, with_search: bool, with_route: bool = False) -> PageAddress:
    """Parse an address; `with_search` includes the query of search pages, `with_route` a single-page route behind #."""
    host, path, query, fragment = split_address(clip_text(url, MAX_URL_LENGTH))
    pairs = parse_query(query) if query else []
    fragment_query = fragment.partition("?")[2] or fragment if is_route(fragment) else fragment
    fragment_pairs = parse_qsl(fragment_query[:2000].lstrip("?&/!")) if "utm_" in fragment else []
    parameters = {name.lower(): value for name, value in [*fragment_pairs, *pairs] if value}
    custom = {
        name[11:-1]: clip_text(value, 255)
        for name, value in parameters.items()
        if name.startswith("utm_custom[") and name.endswith("]")
    }
    if not path and not query and fragment and not host:
        path = f"#{fragment}"
    elif not path.startswith("/"):
        path = f"/{path}"
    path = truncate_path(decode_path(path.partition(";jsessionid=")[0].replace(" ", "%20")), MAX_PATH_LENGTH)
    if with_search or not is_search_page(path):
        path += select_query(pairs)
    if with_route and is_route(fragment):
        path += select_route(fragment)
    utm = {name: clip_text(parameters[name], 255) for name in UTM_NAMES if name in parameters}
    return PageAddress(
        host,
        clip_text(path, MAX_ADDRESS_LENGTH),
        utm,
        frozenset(CLICK_IDS & parameters.keys()),
        custom,
        find_source_value(parameters),
    )


def get_page_address(url: str, site: SiteConfig) -> PageAddress:
    """Return the parsed address of one of the site's pages, with the parts that the site distinguishes pages by."""
    settings = site.tracker
    return parse_page_address(url[:MAX_URL_LENGTH], settings.internal_search, settings.hash_routes)


def read_page(hit: Hit, site: SiteConfig, event: Event) -> Event:
    """Return host, path, title and campaign of the page, and the tags of the visit, which may be in its address."""
    page = get_page_address(hit.url, site)
    columns: Event = {"host": page.host or (site.domain if hit.trusted else ""), "path": page.path}
    if hit.title:
        columns["title"] = clip_text(hit.title, 255)
    if page.utm or hit.utm:
        columns.update(cast(Event, page.utm))
        columns.update(cast(Event, {name: clip_text(hit.utm[name], 255) for name in UTM_NAMES if hit.utm.get(name)}))
    if page.custom or hit.tags:
        columns["tags"] = clip_pairs({**page.custom, **hit.tags}, 500)
    return columns


def limit_amount(amount: float) -> float:
    """Return an amount that the column can hold; 0 for infinite or too large ones."""
    return round(amount, 4) if math.isfinite(amount) and abs(amount) < 1e13 else 0.0


@lru_cache(maxsize=4_000)
def normalize_language_tag(tag: str) -> str:
    """Return a language tag in the case of BCP 47, so that each is stored once: `de_ch` -> `de-CH`, `zh-hans` ->
    `zh-Hans`."""
    first, *rest = tag.strip().replace("_", "-").split("-")
    cases = {2: str.upper, 4: str.title}  # territories and scripts
    return "-".join([first.lower(), *(cases.get(len(part), str)(part) for part in rest)])


def clip_pairs(data: dict[str, str], length: int) -> dict[str, str]:
    """Return at most 50 named values, each cut to `length` characters."""
    return {clip_text(key, 100): clip_text(value, length) for key, value in list(data.items())[:50] if key.strip()}


def read_details(hit: Hit, site: SiteConfig, event: Event) -> Event:
    """Return what happened: name, target, engagement, revenue and properties."""
    columns: Event = {}
    if hit.name:
        columns["name"] = clip_text(hit.name, 255)
    if hit.target:
        columns["target"] = truncate_path(decode_url(clip_text(hit.target, MAX_URL_LENGTH)), 1000)
    if hit.text:
        columns["text"] = clip_text(hit.text, 255)
    if hit.language:
        columns["language"] = normalize_language_tag(clip_text(hit.language, 35))
    if hit.screen:
        columns["screen"] = clip_text(hit.screen, 20)
    if hit.engaged > 0:
        columns["engaged"] = int(min(hit.engaged, 86_400.0) * 1000)
    if hit.scroll:
        columns["scroll"] = max(0, min(100, hit.scroll))
    if hit.revenue:
        columns["revenue"] = limit_amount(hit.revenue)
        columns["currency"] = clip_text(hit.currency, 3).upper()
    if hit.props:
        columns["props"] = clip_pairs(hit.props, 2000)
    if hit.split:
        columns["split_test"], columns["split_arm"] = clip_text(hit.split[0], 255), clip_text(hit.split[1], 255)
    return columns
