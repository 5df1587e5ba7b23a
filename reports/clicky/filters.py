"""Translate Clicky's filters of visitors and actions into the engine's filter JSON.

Each filter of visitors is true of a visit that contains a match, independently of the other filters:
`href=/a&goal=Sale` are visits that viewed /a and, at any time, reached the goal. Conditions on events are therefore
wrapped in `visited`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from html import unescape
from ipaddress import IPv4Address, IPv4Network, summarize_address_range
from typing import cast
from urllib.parse import SplitResult, unquote, urlsplit

from goals.predicates import Condition, Filter, VisitedFilter, build_wildcard_regex, combine_all, combine_any, is_one_of
from goals.selectors import list_active_goals
from reports.clicky import terms
from reports.clicky.errors import ClickyError
from reports.query.filters import parse
from reports.query.vocabulary import find_country
from sites.models import AddressPolicy
from sites.site_config import SiteConfig
from tracking.pipeline.visitor_address import truncate_address

FilterBuilder = Callable[[SiteConfig, str], Filter]
CUSTOM_PARAMETER = re.compile(r"custom(?:\[([^\]]{1,100})\])?", re.DOTALL)
MAX_LENGTH = 1_000
NO_VISITS: Filter = is_one_of("visit", "0")  # no visit has this number
USERNAME_KEYS = ("username", "user")
MAX_RANGES = 20
HOST_BITS = 8  # of an IPv4 address, which sites that truncate addresses drop
MAX_ALTERNATIVES = 16  # of one regular expression


def compare(dimension: str, operator: str, *values: object) -> Condition:
    return {"dimension": dimension, "operator": operator, "value": list(values)}


HAS_ADDRESS = compare("target", "matches", r"^(?i:/|https?://|ftp://|mailto:|tel:)")


def has_value(dimension: str) -> tuple[Filter, ...]:
    return (compare(dimension, "is_not", ""),)


def build_range(dimension: str, minimum: float | None, maximum: float | None) -> list[Filter]:
    """Match numbers from `minimum` to `maximum`, both inclusive; None = no bound."""
    bounds = [("at_least", minimum), ("at_most", maximum)]
    return [compare(dimension, operator, bound) for operator, bound in bounds if bound is not None]


def build_match(dimension: str, *values: str) -> Filter:
    """Match exactly one of the values; a `*` stands for anything, and alone for any value that is not empty.

    Titles in results are HTML-encoded, so values are also tried decoded.
    """
    texts = list(dict.fromkeys(form for value in values for form in (value, unescape(value))))
    if "*" in texts:
        return compare(dimension, "is_not", "")
    if not any("*" in value for value in texts):
        return is_one_of(dimension, *texts)
    return compare(dimension, "matches", *map(build_wildcard_regex, texts))


def build_match_or_unknown(dimension: str, value: str) -> Filter:
    """Match a value of a dimension whose missing value is titled Unknown."""
    return is_one_of(dimension, "", value) if terms.is_unknown(value) else build_match(dimension, value)


def extract_path(address: str) -> str:
    """Return a page's path and query as stored, from a path or a full URL."""
    if "://" not in address[:12]:
        return address if address.startswith(("/", "*", "#")) or not address else f"/{address}"
    parts = split_address(address)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def split_address(address: str) -> SplitResult:
    """Split a full address; one whose host nobody can read has none, and a path that no page has."""
    try:
        return urlsplit(address)
    except ValueError:
        return SplitResult("", "", f"/{address}", "", "")


def build_page_filter(dimension: str, address: str) -> Filter:
    """Match a page by its address; results show paths percent-encoded, however they are stored."""
    path = extract_path(address)
    return build_match(dimension, path, unquote(path))


def match_dimension(dimension: str, build: Callable[[str, str], Filter] = build_match) -> FilterBuilder:
    """Return what builds the filter of a dimension's value, whatever the site."""
    return lambda site, value: build(dimension, value)


def match_visits_with(build: FilterBuilder) -> FilterBuilder:
    return lambda site, value: {"visited": build(site, value)}


def is_own_address(site: SiteConfig, address: str) -> bool:
    """Return whether a full address has one of the site's own hosts."""
    return site.hosts.accepts_host(split_address(address).hostname or "")


def list_address_forms(site: SiteConfig, address: str) -> list[str]:
    """Return how the target of an action may be stored: the full address, or a path of the site."""
    is_absolute = "://" in address[:12]
    return [address, *([extract_path(address)] if is_absolute and is_own_address(site, address) else [])]


def build_target_filter(dimension: str, site: SiteConfig, address: str) -> Filter:
    """Match actions logged with this address: a path or a full address, with wildcards."""
    forms = list_address_forms(site, address)
    return build_match(dimension, *dict.fromkeys([*forms, *map(unquote, forms)]))


def filter_href(site: SiteConfig, value: str) -> Filter:
    """Match actions by the address they were logged with, or by their page if they were logged without one."""
    on_page: list[Filter] = [build_page_filter("page", value), {"not": HAS_ADDRESS}]
    if "://" in value[:12] and not is_own_address(site, value):
        on_page.append(build_match("host", split_address(value).netloc.partition(":")[0].lower()))
    return combine_any([build_target_filter("target", site, value), combine_all(on_page)])


def filter_title(site: SiteConfig, value: str) -> Filter:
    """Match views by their page's title, and other actions by the text, else the name, they were logged with."""
    view = is_one_of("kind", "view")
    by_name = combine_all([is_one_of("text", ""), build_match("name", value)])
    by_text = combine_any([build_match("text", value), by_name])
    return combine_any([combine_all([view, build_match("title", value)]), combine_all([{"not": view}, by_text])])


def filter_link(site: SiteConfig, value: str) -> Filter:
    """Match the referring page, given with or without its scheme."""
    if "://" in value[:12] or value.startswith("*"):
        return build_match("referrer", value)
    return build_match("referrer", f"http://{value}", f"https://{value}")


def filter_ip_address(site: SiteConfig, value: str) -> Filter:
    """Match one address, a wildcard, or numeric ranges: `start,end|start,end` (IPv4 addresses as integers).

    If the site truncates addresses, the requested one is truncated too, since only the network is stored.
    """
    truncates = site.addresses == AddressPolicy.TRUNCATE
    if re.fullmatch(r"\d+,\d+(\|\d+,\d+)*", value, re.ASCII):
        ranges = [tuple(map(int, text.split(","))) for text in value.split("|")]
        if len(ranges) > MAX_RANGES:
            raise ClickyError(f"Too many ip_address ranges: at most {MAX_RANGES}.")
        mask_bits = HOST_BITS if truncates else 0
        return combine_any([filter_ip_range(first >> mask_bits << mask_bits, last) for first, last in ranges])
    if not truncates:
        return build_match("ip", value)
    if "*" in value:
        return build_match("ip", value, *([f"{value.rpartition('.')[0]}.0"] if value.count(".") == 3 else []))
    return is_one_of("ip", *filter(None, dict.fromkeys([value, truncate_address(value)])))


def filter_ip_range(first: int, last: int) -> Filter:
    """Match the IPv4 addresses between two integers, by regular expressions over dotted quads."""
    if not 0 <= first <= last < 2**32:
        raise ClickyError("Invalid ip_address range.")
    networks = summarize_address_range(IPv4Address(first), IPv4Address(last))
    patterns = [build_address_pattern(network) for network in networks]
    parts = [patterns[at : at + MAX_ALTERNATIVES] for at in range(0, len(patterns), MAX_ALTERNATIVES)]
    return combine_any([compare("ip", "matches", f"^(?:{'|'.join(part)})$") for part in parts])


def build_address_pattern(network: IPv4Network) -> str:
    """Return a regular expression of the network's addresses: `10\\.0\\.(?:4|5|6|7)\\.[0-9]+`."""
    full_octets, bits = divmod(network.prefixlen, 8)
    octets = str(network.network_address).split(".")
    parts = octets[:full_octets]
    if bits:
        start = int(octets[full_octets])
        parts.append("(?:" + "|".join(str(start + n) for n in range(2 ** (8 - bits))) + ")")
    return r"\.".join(parts + ["[0-9]+"] * (4 - len(parts)))


def build_version_filter(dimension: str, title: str) -> Filter:
    """Match a browser or system by its title, `Google Chrome`, which may end with a version, `Google Chrome 120`."""
    name, _, version = title.rpartition(" ")
    parts = [build_match_or_unknown(dimension, terms.find_product(title))]
    if name:
        versions = is_one_of(f"{dimension}_version", version)
        parts.append(combine_all([is_one_of(dimension, terms.find_product(name)), versions]))
    return combine_any(parts)


def build_place_filter(dimension: str, name: str) -> Filter:
    """Match a place by its name alone; a country's name also stands for its visits from an unknown place."""
    place = build_match_or_unknown(dimension, name)
    code = find_country(name)
    if code is None:
        return place
    return combine_any([place, combine_all([is_one_of(dimension, ""), is_one_of("country", code)])])


def filter_city(site: SiteConfig, value: str) -> Filter:
    """Match `Tallinn`, `Tallinn, Estonia` or `Austin, Texas, USA`; a country alone for visits of an unknown city."""
    name, state, code = terms.parse_place(value)
    if not code:
        return build_place_filter("city", name)
    in_state = [is_one_of("region", state)] if state else []
    return combine_all([build_match_or_unknown("city", name), *in_state, is_one_of("country", code)])


def filter_region(site: SiteConfig, value: str) -> Filter:
    """Match `Texas, United States`, or a country alone for visits of an unknown region."""
    name, comma, country = value.rpartition(",")
    if not comma:
        return build_place_filter("region", value.strip())
    return combine_all([is_one_of("region", name.strip()), is_one_of("country", terms.parse_country(country))])


def filter_language(site: SiteConfig, value: str) -> Filter:
    """Match a language: `French` and `fr` in all countries, `French (France)` and `fr-FR` only that of France."""
    if "*" in value:
        return build_match("language", value)
    tag = terms.parse_language(value)
    if not tag:
        return is_one_of("language", "")
    main, _, rest = tag.replace("_", "-").partition("-")
    end = f"[-_]{re.escape(rest)}" if rest else "([-_].*)?"
    return compare("language", "matches", f"^(?i:{re.escape(main)}{end})$")


def filter_split_test(site: SiteConfig, value: str) -> Filter:
    """Match an experiment by name, or one of its variants: `Prices: high`."""
    name, colon, variant = value.partition(": ")
    experiment = build_match("split_test", value)
    if not colon:
        return experiment
    return combine_any([experiment, combine_all([build_match("split_test", name), build_match("split_arm", variant)])])


def filter_action_count(site: SiteConfig, value: str) -> Filter:
    """Match visits by their number of actions: `3` is exactly, `3,` is at least, `,3` at most, `2,5` between."""
    match = re.fullmatch(r"(\d{0,9})(,?)(\d{0,9})", value, re.ASCII)
    if not match or not (match[1] or match[3]):
        raise ClickyError("Invalid num_actions.")
    minimum, comma, maximum = match.groups()
    bounds = [int(text) if text else None for text in (minimum, maximum if comma else minimum)]
    return combine_all(build_range("visit_actions", *bounds))


def filter_source(site: SiteConfig, value: str) -> Filter:
    """Match one of Clicky's traffic sources (`searches`, `advertising` …), or a source by its name."""
    channels = terms.list_channels(value)
    return is_one_of("channel", *channels) if channels else is_one_of("source", value)


def filter_action_type(site: SiteConfig, value: str) -> Filter:
    kinds = terms.ACTION_KINDS.get(value.strip().lower())
    if not kinds:
        raise ClickyError("Invalid action_type.")
    return is_one_of("kind", *kinds)


def filter_goal(site: SiteConfig, value: str) -> Filter:
    """Match visits that reached a goal, by its number or name; `*` is any goal."""
    goals = list_active_goals([site.site_id])
    if value != "*":
        goals = [goal for goal in goals if unescape(value) in (str(goal.pk), goal.name)]
    return {"visited": combine_any([{"goal": goal.pk} for goal in goals])} if goals else NO_VISITS


def filter_custom(given_key: str | None, site: SiteConfig, value: str) -> Filter:
    """Match `custom[key]=value`, `custom=key,value`, `custom=key: value`, or `custom=value` of any username."""
    separator = ": " if ": " in value and "," not in value else ","
    key, _, text = (given_key, "", value) if given_key else value.rpartition(separator)
    return build_match("person" if not key or key in USERNAME_KEYS else f"tag:{key}", text)


FILTERS: dict[str, FilterBuilder] = {
    "ip_address": filter_ip_address,
    "uid": match_dimension("visitor_id"),
    "session_id": match_dimension("visit"),
    "href": match_visits_with(filter_href),
    "landing": match_dimension("entry_page", build_page_filter),
    "exit": match_dimension("exit_page", build_page_filter),
    "num_actions": filter_action_count,
    "search": match_dimension("search_term"),
    "domain": match_dimension("referrer_domain"),
    "link": filter_link,
    "browser": match_dimension("browser", build_version_filter),
    "os": match_dimension("os", build_version_filter),
    "resolution": match_dimension("screen", build_match_or_unknown),
    "country": lambda site, value: build_match("country", value if "*" in value else terms.parse_country(value)),
    "city": filter_city,
    "language": filter_language,
    "org": match_dimension("organization", build_match_or_unknown),
    "source": filter_source,
    "title": match_visits_with(filter_title),
    "action_type": match_visits_with(filter_action_type),
    "campaign": match_dimension("utm_campaign"),
    "split": match_visits_with(filter_split_test),
    # Addresses are never looked up in the DNS, so no name is stored
    "hostname": lambda site, value: {"not": NO_VISITS} if terms.is_unknown(value) else NO_VISITS,
    "shorturl": lambda site, value: NO_VISITS,
    "goal": filter_goal,
}
ACTION_FILTERS = {"href", "title", "action_type"}  # in an actions-list these choose actions, the others visits


def find_filter(name: str) -> FilterBuilder | None:
    """Return what builds the filter of a parameter; None for a parameter that chooses no visitors or actions."""
    custom = CUSTOM_PARAMETER.fullmatch(name)
    return partial(filter_custom, custom[1]) if custom else FILTERS.get(name)


def parse_filters(site: SiteConfig, params: Mapping[str, str], of_actions: bool = False) -> tuple[Filter, ...]:
    """Return the filters in a request's parameters.

    `of_actions`: the filters of actions choose actions instead of visits that contain such actions.
    Raises ClickyError or QueryRefused for an invalid value, such as an unknown country.
    """
    filters = []
    for name, value in params.items():
        build = find_filter(name) if value else None
        if build is None:
            continue
        if len(value) > MAX_LENGTH:
            raise ClickyError(f"The filter {name} is too long: at most {MAX_LENGTH:,} characters.")
        built = build(site, value)
        parse(built)
        filters.append(cast(VisitedFilter, built)["visited"] if of_actions and name in ACTION_FILTERS else built)
    return tuple(filters)
