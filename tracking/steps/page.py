"""Which page: host, path with the query that is worth keeping, title, and the event's own words.

Stored URLs follow what Clicky documents: click and session ids go, parameters with a name or value above 64
characters go, a query ends after 250 characters, a search page loses its query unless the site keeps internal
searches, an anchor stays only if it is the whole address, or a route (`#/…`, `#!…`) of a site whose routes are there.
Letters of all scripts are stored as letters, and characters are counted after that.

Unlike Clicky, which cuts a path after 128 characters, paths are kept up to 500: long articles whose addresses differ
only near the end are different pages.
"""

from __future__ import annotations

import math
import re
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode

from sites.facts import SiteFacts
from sites.hosts import host_name
from sites.page_paths import cut, readable_path, readable_url
from tracking.hit import Event, Hit, Refused

WORDS = tomllib.loads((Path(__file__).resolve().parent.parent / "data" / "parameters.toml").read_text())
CLICK_IDS = frozenset(WORDS["click_ids"])
SESSION_IDS = frozenset(WORDS["session_ids"])
UTM_NAMES = ("utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term")
LONGEST_URL = 8000
SHARED_PREFIXES = ("utm_", "hsa_")
SOURCE_NAMES = ("ref", "source", "via")  # say who sent the visitor, where no utm_source does
SOURCE_WORD = re.compile(r"[\w.+ -]{1,64}")
SEARCH_PAGE = re.compile(
    r"(?:site|internal|catalog)?[-_]?search(?:[-_]?(?:results?|pages?))?(?:\.[a-z]{2,5})?", re.IGNORECASE
)
MISPLACED_MARK = re.compile(r"\?+(?=utm_[a-z]+=)", re.IGNORECASE)  # `?a=1?utm_source=b`
LONGEST_WORD, LONGEST_QUERY, LONGEST_PATH = 64, 250, 500
LONGEST_ADDRESS = 1000  # path, query and route together


class Page(NamedTuple):
    """An address taken apart. `utm` has the five known names, `click_ids` which of CLICK_IDS were there.

    `source` is the word of one of SOURCE_NAMES.
    """

    host: str
    path: str
    utm: dict[str, str]
    click_ids: frozenset[str]
    custom: dict[str, str]  # utm_custom[username]=… belongs to the visitor
    source: str = ""


def clip(text: str, length: int) -> str:
    """Text that can be stored: at most `length` characters, without NUL and outer blanks."""
    if "\x00" in text:
        text = text.replace("\x00", "")
    return text[:length].strip()


def kept_query(pairs: list[tuple[str, str]]) -> str:
    """The part of a query that tells pages apart, with its question mark; "" when nothing is left."""
    redirected = any(name == "ust" for name, _ in pairs)  # by Google, which adds `sa` and `source`
    kept = [
        (name, value)
        for name, value in pairs
        if len(name) <= LONGEST_WORD
        and len(value) <= LONGEST_WORD
        and (low := name.lower()) not in CLICK_IDS
        and low not in SESSION_IDS
        and not low.startswith(SHARED_PREFIXES)
        and not (low in SOURCE_NAMES and SOURCE_WORD.fullmatch(value))
        and not (redirected and low in ("sa", "ust", "usg"))
    ]
    if not kept:
        return ""
    written = urlencode(kept, safe="/:,[]@!$*()", errors="replace")
    return cut(f"?{readable_path(written)}", LONGEST_QUERY + 1)


def query_pairs(query: str) -> list[tuple[str, str]]:
    """The parameters of a query, also of one that was escaped for HTML (`&amp;`) or has its question mark twice."""
    pairs = parse_qsl(MISPLACED_MARK.sub("&", query[:4000].lstrip("?")), keep_blank_values=True)
    if "amp;" not in query and "amp%3B" not in query:
        return pairs
    return [(name.replace("amp;", ""), value) for name, value in pairs]


def is_search_page(path: str) -> bool:
    """Whether a segment of the path names a search page: `/search`, `/site-search/results.php`."""
    return "search" in path.lower() and any(map(SEARCH_PAGE.fullmatch, path.split("/")))


def source_word(named: dict[str, str]) -> str:
    """Who sent the visitor, as the parameters `ref`, `source` or `via` say; "" where none says a word."""
    if "ust" in named:  # `source=gmail` and such of Google's own redirects say nothing of the link
        return ""
    words = (named[name] for name in SOURCE_NAMES if name in named)
    return next((word.strip() for word in words if SOURCE_WORD.fullmatch(word)), "")


def is_absolute(url: str) -> bool:
    """Whether an address names its host."""
    return "://" in url[:20] and not url.startswith(("/", "#", "?"))


def split_address(url: str) -> tuple[str, str, str, str]:
    """(host, path, query, fragment) of an absolute address or a path; never an error."""
    rest, host = url, ""
    if is_absolute(url):
        rest = url.split("//", 1)[1]
        cut = min((at for mark in "/?#" if (at := rest.find(mark)) >= 0), default=len(rest))
        host, rest = host_name(rest[:cut]), rest[cut:]
    rest, _, fragment = rest.partition("#")
    path, _, query = rest.partition("?")
    return host, path, query, fragment


def is_route(fragment: str) -> bool:
    """Whether the part behind # is an address of a single-page application: `/about`, `!about`."""
    return fragment.startswith(("/", "!"))


def kept_route(fragment: str) -> str:
    """The part of a route that tells pages apart, with its `#`; its query is treated as that of any address."""
    path, _, query = fragment.partition("?")
    return f"#{path[:LONGEST_PATH]}{kept_query(parse_qsl(query[:4000], keep_blank_values=True))}"


@lru_cache(maxsize=20_000)
def read_address(url: str, keep_search: bool, keep_route: bool = False) -> Page:
    """Take an address apart; `keep_search` keeps the query of search pages, `keep_route` what a router has behind #."""
    host, path, query, fragment = split_address(clip(url, LONGEST_URL))
    pairs = query_pairs(query) if query else []
    marked = fragment.partition("?")[2] or fragment if is_route(fragment) else fragment
    hashed = parse_qsl(marked[:2000].lstrip("?&/!")) if "utm_" in fragment else []
    named = {name.lower(): value for name, value in [*hashed, *pairs] if value}
    custom = {
        name[11:-1]: clip(value, 255)
        for name, value in named.items()
        if name.startswith("utm_custom[") and name.endswith("]")
    }
    if not path and not query and fragment and not host:
        path = f"#{fragment}"
    elif not path.startswith("/"):
        path = f"/{path}"
    path = cut(readable_path(path.partition(";jsessionid=")[0].replace(" ", "%20")), LONGEST_PATH)
    if keep_search or not is_search_page(path):
        path += kept_query(pairs)
    if keep_route and is_route(fragment):
        path += kept_route(fragment)
    utm = {name: clip(named[name], 255) for name in UTM_NAMES if name in named}
    return Page(host, clip(path, LONGEST_ADDRESS), utm, frozenset(CLICK_IDS & named.keys()), custom, source_word(named))


def read_page(hit: Hit, facts: SiteFacts, event: Event) -> Refused | None:
    """Fill where it happened."""
    chosen = facts.tracker
    page = read_address(hit.url[:LONGEST_URL], bool(chosen.get("internal_search")), bool(chosen.get("hash_routes")))
    hit.click_ids, hit.source_word = page.click_ids, page.source
    event["host"] = page.host or (facts.domain if hit.trusted else "")
    event["path"] = page.path
    if hit.title:
        event["title"] = clip(hit.title, 255)
    if page.utm or hit.utm:
        event.update(page.utm)
        event.update({name: clip(value, 255) for name, value in hit.utm.items() if value and name in UTM_NAMES})
    if page.custom:
        hit.tags = {**page.custom, **hit.tags}
    return None


def money(amount: float) -> float:
    """An amount the column can hold; 0 for what is no amount."""
    return round(amount, 4) if math.isfinite(amount) and abs(amount) < 1e13 else 0.0


@lru_cache(maxsize=4_000)
def in_usual_case(tag: str) -> str:
    """A language tag as BCP 47 writes it (`de_ch` -> `de-CH`, `zh-hans` -> `zh-Hans`), so that each is stored once."""
    first, *rest = tag.strip().replace("_", "-").split("-")
    cases = {2: str.upper, 4: str.title}  # territories and scripts
    return "-".join([first.lower(), *(cases.get(len(part), str)(part) for part in rest)])


def pairs_of(data: dict[str, str], length: int) -> dict[str, str]:
    """At most 50 named values, each cut to `length`."""
    return {clip(key, 100): clip(value, length) for key, value in list(data.items())[:50] if key.strip()}


def read_words(hit: Hit, facts: SiteFacts, event: Event) -> Refused | None:
    """Fill what happened: names, targets, attention, money, data."""
    if hit.name:
        event["name"] = clip(hit.name, 255)
    if hit.target:
        event["target"] = cut(readable_url(clip(hit.target, LONGEST_URL)), 1000)
    if hit.text:
        event["text"] = clip(hit.text, 255)
    if hit.language:
        event["language"] = in_usual_case(clip(hit.language, 35))
    if hit.screen:
        event["screen"] = clip(hit.screen, 20)
    if hit.engaged > 0:
        event["engaged"] = int(min(hit.engaged, 86_400.0) * 1000)
    if hit.scroll:
        event["scroll"] = max(0, min(100, hit.scroll))
    if hit.revenue:
        event["revenue"] = money(hit.revenue)
        event["currency"] = clip(hit.currency, 3).upper()
    if hit.props:
        event["props"] = pairs_of(hit.props, 2000)
    if hit.tags:
        event["tags"] = pairs_of(hit.tags, 500)
    if hit.split:
        event["split_test"], event["split_arm"] = clip(hit.split[0], 255), clip(hit.split[1], 255)
    return None
