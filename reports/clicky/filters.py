"""Translate Clicky's filters of visitors and actions into the engine's filter JSON.

Each filter of visitors is true of a visit that contains a match, independently of the other filters:
`href=/a&goal=Sale` are visits that viewed /a and, at any time, reached the goal. Conditions on events are therefore
wrapped in `visited`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from html import unescape
from ipaddress import IPv4Address, IPv4Network, summarize_address_range
from typing import cast
from urllib.parse import unquote, urlsplit

from goals.predicates import Filter, VisitedFilter, build_wildcard_regex, is_one_of
from goals.selectors import list_active_goals
from reports.clicky.outputs import ClickyError
from reports.clicky.terms import (
    ACTION_KINDS,
    is_country,
    is_unknown,
    list_channels,
    parse_browser,
    parse_country,
    parse_language,
    parse_place,
)
from reports.query.errors import QueryRefused
from reports.query.filters import parse
from sites.models import AddressPolicy
from sites.site_config import SiteConfig
from tracking.pipeline.visitor_address import truncate_address

FilterBuilder = Callable[[SiteConfig, str], Filter]
CUSTOM_PARAMETER = re.compile(r"custom\[([^\]]{1,100})\]", re.DOTALL)
MAX_LENGTH = 1_000
NO_VISITS: Filter = is_one_of("visit", "0")  # no visit has this number
USERNAME_KEYS = ("username", "user")
HAS_ADDRESS: Filter = {
    "dimension": "target",
    "operator": "matches",
    "value": [r"^(?i:/|https?://|ftp://|mailto:|tel:)"],
}
MAX_RANGES = 20
HOST_BITS = 8  # of an IPv4 address, which sites that truncate addresses drop


def build_match(dimension: str, *values: str) -> Filter:
    """Match exactly one of the values; a `*` stands for anything, and alone for any value that is not empty.

    Titles in results are HTML-encoded, so values are also tried decoded.
    """
    texts = list(dict.fromkeys(form for value in values for form in (value, unescape(value))))
    if "*" in texts:
        return {"dimension": dimension, "operator": "is_not", "value": [""]}
    if not any("*" in value for value in texts):
        return is_one_of(dimension, *texts)
    return {"dimension": dimension, "operator": "matches", "value": [build_wildcard_regex(value) for value in texts]}


def build_match_or_unknown(dimension: str, value: str) -> Filter:
    """Match a value of a dimension whose missing value is titled Unknown."""
    return is_one_of(dimension, "", value) if is_unknown(value) else build_match(dimension, value)


def combine_all(*parts: Filter) -> Filter:
    return parts[0] if len(parts) == 1 else {"and": list(parts)}


def combine_any(parts: list[Filter]) -> Filter:
    return parts[0] if len(parts) == 1 else {"or": parts} if parts else NO_VISITS


def extract_path(address: str) -> str:
    """Return a page's path and query as stored, from a path or a full URL."""
    if "://" not in address[:12]:
        return address if address.startswith(("/", "*", "#")) or not address else f"/{address}"
    parts = urlsplit(address)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def build_page_filter(dimension: str, address: str) -> Filter:
    """Match a page by its address; results show paths percent-encoded, however they are stored."""
    path = extract_path(address)
    return build_match(dimension, path, unquote(path))


def create_page_filter_builder(dimension: str) -> FilterBuilder:
    return lambda site, value: build_page_filter(dimension, value)


def create_text_filter_builder(dimension: str) -> FilterBuilder:
    return lambda site, value: build_match(dimension, value)


def create_optional_text_filter_builder(dimension: str) -> FilterBuilder:
    return lambda site, value: build_match_or_unknown(dimension, value)


def match_visits_with(build: FilterBuilder) -> FilterBuilder:
    return lambda site, value: {"visited": build(site, value)}


def is_own_address(site: SiteConfig, address: str) -> bool:
    """Return whether a full address has one of the site's own hosts."""
    try:
        return site.hosts.accepts_host(urlsplit(address).hostname or "")
    except ValueError:
        return False


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
        on_page.append(build_match("host", urlsplit(value).netloc.partition(":")[0].lower()))
    return combine_any([build_target_filter("target", site, value), combine_all(*on_page)])


def filter_title(site: SiteConfig, value: str) -> Filter:
    """Match views by their page's title, and other actions by the text, else the name, they were logged with."""
    view = is_one_of("kind", "view")
    by_name = combine_all(is_one_of("text", ""), build_match("name", value))
    by_text = combine_any([build_match("text", value), by_name])
    return combine_any([combine_all(view, build_match("title", value)), combine_all({"not": view}, by_text)])


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
    ranges = re.findall(r"(\d{1,10}),(\d{1,10})", value, re.ASCII)
    if ranges and re.fullmatch(r"\d+,\d+(\|\d+,\d+)*", value, re.ASCII):
        mask_bits = HOST_BITS if truncates else 0
        return combine_any(
            [filter_ip_range(int(first) >> mask_bits << mask_bits, int(last)) for first, last in ranges[:MAX_RANGES]]
        )
    if not truncates:
        return build_match("ip", value)
    if "*" in value:
        return build_match("ip", value, *([f"{value.rpartition('.')[0]}.0"] if value.count(".") == 3 else []))
    return is_one_of("ip", *filter(None, dict.fromkeys([value, truncate_address(value)])))


def filter_ip_range(first: int, last: int) -> Filter:
    """Match the IPv4 addresses between two integers, by regular expressions over dotted quads."""
    if not 0 <= first <= last < 2**32:
        raise ClickyError("Invalid ip_address range.")
    networks = list(summarize_address_range(IPv4Address(first), IPv4Address(last)))
    return combine_any(
        [
            {"dimension": "ip", "operator": "matches", "value": ["^(?:" + "|".join(part) + ")$"]}
            for part in split_chunks([build_address_pattern(network) for network in networks], 16)
        ]
    )


def build_address_pattern(network: IPv4Network) -> str:
    """Return a regular expression of the network's addresses: `10\\.0\\.(?:4|5|6|7)\\.[0-9]+`."""
    full_octets, bits = divmod(network.prefixlen, 8)
    octets = str(network.network_address).split(".")
    parts = octets[:full_octets]
    if bits:
        start = int(octets[full_octets])
        parts.append("(?:" + "|".join(str(start + n) for n in range(2 ** (8 - bits))) + ")")
    return r"\.".join(parts + ["[0-9]+"] * (4 - len(parts)))


def split_chunks(parts: list[str], size: int) -> list[list[str]]:
    return [parts[at : at + size] for at in range(0, len(parts), size)]


def filter_browser(value: str) -> Filter:
    """Match `Google Chrome` or, with its version, `Google Chrome 120`."""
    if is_unknown(value):
        return build_match_or_unknown("browser", value)
    name, version = parse_browser(value)
    with_version = combine_all(is_one_of("browser", name), is_one_of("browser_version", version))
    return combine_any([build_match("browser", parse_browser(value + " ")[0]), *([with_version] if version else [])])


def filter_os(value: str) -> Filter:
    if is_unknown(value):
        return build_match_or_unknown("os", value)
    name, _, version = value.rpartition(" ")
    with_version = combine_all(is_one_of("os", name), is_one_of("os_version", version))
    return combine_any([build_match("os", value), *([with_version] if name else [])])


def filter_city(value: str) -> Filter:
    """Match `Tallinn`, `Tallinn, Estonia` or `Austin, Texas, USA`; a country alone for visits of an unknown city."""
    name, state, code = parse_place(value)
    parts = [build_match_or_unknown("city", name), *([is_one_of("region", state)] if state else [])]
    in_city = combine_all(*parts, *([is_one_of("country", code)] if code else []))
    if code or state or not is_country(name):
        return in_city
    return combine_any([in_city, combine_all(is_one_of("city", ""), is_one_of("country", parse_country(name)))])


def filter_region(value: str) -> Filter:
    """Match `Texas, United States`, or a country alone for visits of an unknown region."""
    name, comma, country = value.rpartition(",")
    if comma:
        return combine_all(is_one_of("region", name.strip()), is_one_of("country", parse_country(country)))
    in_region = build_match_or_unknown("region", value.strip())
    if not is_country(value):
        return in_region
    return combine_any([in_region, combine_all(is_one_of("region", ""), is_one_of("country", parse_country(value)))])


def filter_language(value: str) -> Filter:
    """Match a language: `French` and `fr` in all countries, `French (France)` and `fr-FR` only that of France."""
    if "*" in value:
        return build_match("language", value)
    tag = parse_language(value)
    if not tag:
        return is_one_of("language", "")
    main, _, rest = tag.replace("_", "-").partition("-")
    end = f"[-_]{re.escape(rest)}" if rest else "([-_].*)?"
    return {"dimension": "language", "operator": "matches", "value": [f"^(?i:{re.escape(main)}{end})$"]}


def filter_split_test(value: str) -> Filter:
    """Match an experiment by name, or one of its variants: `Prices: high`."""
    name, colon, variant = value.partition(": ")
    experiment = build_match("split_test", value)
    if not colon:
        return experiment
    return combine_any([experiment, combine_all(build_match("split_test", name), build_match("split_arm", variant))])


def filter_action_count(value: str) -> Filter:
    """Match visits by their number of actions: `3` is exactly, `3,` is at least, `,3` at most, `2,5` between."""
    match = re.fullmatch(r"(\d{0,9})(,?)(\d{0,9})", value, re.ASCII)
    if not match or not (match[1] or match[3]):
        raise ClickyError("Invalid num_actions.")
    minimum, comma, maximum = match.groups()
    if not comma:
        return {"dimension": "visit_actions", "operator": "is", "value": [int(minimum)]}
    bounds = [("at_least", minimum), ("at_most", maximum)]
    conditions: list[Filter] = [
        {"dimension": "visit_actions", "operator": word, "value": [int(text)]} for word, text in bounds if text
    ]
    return combine_all(*conditions)


def filter_source(value: str) -> Filter:
    """Match one of Clicky's traffic sources (`searches`, `advertising` …), or a source by its name."""
    channels = list_channels(value)
    return is_one_of("channel", *channels) if channels else is_one_of("source", value)


def filter_action_type(value: str) -> Filter:
    kinds = ACTION_KINDS.get(value.strip().lower())
    if not kinds:
        raise ClickyError("Invalid action_type.")
    return is_one_of("kind", *kinds)


def filter_hostname(site: SiteConfig, value: str) -> Filter:
    """Return all visits for "Unknown", else none: addresses are never looked up in the DNS, so no name is stored."""
    return {"not": NO_VISITS} if is_unknown(value) else NO_VISITS


def filter_country(value: str) -> Filter:
    return build_match("country", value if "*" in value else parse_country(value))


def ignore_site(build: Callable[[str], Filter]) -> FilterBuilder:
    return lambda site, value: build(value)


FILTERS: dict[str, FilterBuilder] = {
    "ip_address": filter_ip_address,
    "uid": create_text_filter_builder("visitor_id"),
    "session_id": create_text_filter_builder("visit"),
    "href": match_visits_with(filter_href),
    "landing": create_page_filter_builder("entry_page"),
    "exit": create_page_filter_builder("exit_page"),
    "num_actions": ignore_site(filter_action_count),
    "search": create_text_filter_builder("search_term"),
    "domain": create_text_filter_builder("referrer_domain"),
    "link": filter_link,
    "browser": ignore_site(filter_browser),
    "os": ignore_site(filter_os),
    "resolution": create_optional_text_filter_builder("screen"),
    "country": ignore_site(filter_country),
    "city": ignore_site(filter_city),
    "language": ignore_site(filter_language),
    "org": create_optional_text_filter_builder("organization"),
    "source": ignore_site(filter_source),
    "title": match_visits_with(filter_title),
    "action_type": match_visits_with(ignore_site(filter_action_type)),
    "campaign": create_text_filter_builder("utm_campaign"),
    "split": match_visits_with(ignore_site(filter_split_test)),
    "hostname": filter_hostname,
    "shorturl": lambda site, value: NO_VISITS,
}
ACTION_FILTERS = {"href", "title", "action_type"}  # in an actions-list these choose actions, the others visits


def is_filter(name: str) -> bool:
    """Return whether a parameter of this name chooses visitors or actions."""
    return name in FILTERS or name in ("goal", "custom") or CUSTOM_PARAMETER.fullmatch(name) is not None


def parse_filters(site: SiteConfig, params: Mapping[str, str], of_actions: bool = False) -> tuple[Filter, ...]:
    """Return the filters in a request's parameters. Raises ClickyError for an invalid value.

    `of_actions`: the filters of actions choose actions instead of visits that contain such actions.
    """
    filters = []
    for name, value in params.items():
        if not value or len(value) > MAX_LENGTH:
            continue
        if name == "goal":
            filters.append(filter_goal(site, value))
        elif name == "custom" or CUSTOM_PARAMETER.fullmatch(name):
            filters.append(filter_custom(name, value))
        elif name in FILTERS:
            built = build_filter(site, name, value)
            if of_actions and name in ACTION_FILTERS:
                built = cast(VisitedFilter, built)["visited"]
            filters.append(built)
    return tuple(filters)


def build_filter(site: SiteConfig, name: str, value: str) -> Filter:
    """Return the filter of one parameter. Raises ClickyError for an invalid value, such as an unknown country."""
    try:
        built = FILTERS[name](site, value)
        parse(built)
    except QueryRefused as error:
        raise ClickyError(error.sentence) from error
    return built


def filter_goal(site: SiteConfig, value: str) -> Filter:
    """Match visits that reached a goal, by its number or name; `*` is any goal."""
    goals = list_active_goals([site.site_id])
    if value != "*":
        goals = [goal for goal in goals if unescape(value) in (str(goal.pk), goal.name)]
    return {"visited": combine_any([{"goal": goal.pk} for goal in goals])} if goals else NO_VISITS


def filter_custom(name: str, value: str) -> Filter:
    """Match `custom[key]=value`, `custom=key,value`, `custom=key: value`, or `custom=value` of any username."""
    match = CUSTOM_PARAMETER.fullmatch(name)
    separator = ": " if ": " in value and "," not in value else ","
    key, _, text = (match[1], "", value) if match else value.rpartition(separator)
    return build_match("person" if not key or key in USERNAME_KEYS else f"tag:{key}", text)
