"""Clicky's visitor and action filters as the engine's filter JSON.

A filter of visitors holds for a visit that contains what it names, each filter on its own: `href=/a&goal=Sale` are
visits that saw /a and, at some time, reached the goal. So what only events have is wrapped in `visited`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from html import unescape
from ipaddress import IPv4Address, IPv4Network, summarize_address_range
from typing import Any
from urllib.parse import unquote, urlsplit

from goals.predicates import wildcard_expression
from goals.querysets import goals_of
from reports.clicky.errors import ClickyError
from reports.clicky.words import (
    ACTION_KINDS,
    browser_parts,
    channels_of,
    country_code,
    is_country,
    is_unknown,
    language_code,
    place_parts,
)
from reports.engine.filters import parse
from reports.engine.refusal import QueryRefused
from sites.facts import SiteFacts
from sites.models import Addresses
from tracking.steps.privacy import shortened

Filter = dict[str, Any]
Maker = Callable[[SiteFacts, str], Filter]
CUSTOM = re.compile(r"custom\[([^\]]{1,100})\]", re.DOTALL)
LONGEST = 1_000
NOTHING: Filter = {"dimension": "visit", "operator": "is", "value": ["0"]}  # no visit has this number
PERSON = ("username", "user")
HAS_ADDRESS: Filter = {
    "dimension": "target",
    "operator": "matches",
    "value": [r"^(?i:/|https?://|ftp://|mailto:|tel:)"],
}
HOST_BITS = 8  # that a site which cuts addresses takes away from IPv4


def is_any(dimension: str, *values: str) -> Filter:
    return {"dimension": dimension, "operator": "is", "value": list(values)}


def matches(dimension: str, *values: str) -> Filter:
    """Exactly one of the values; with a `*` anything in its place, and `*` alone any value that is not empty.

    Titles in answers are HTML-encoded; sent back like that, they are understood as well.
    """
    wanted = list(dict.fromkeys(form for value in values for form in (value, unescape(value))))
    if "*" in wanted:
        return {"dimension": dimension, "operator": "is_not", "value": [""]}
    if not any("*" in value for value in wanted):
        return is_any(dimension, *wanted)
    return {"dimension": dimension, "operator": "matches", "value": [wildcard_expression(value) for value in wanted]}


def named(dimension: str, value: str) -> Filter:
    """The same for a dimension whose missing value is called Unknown."""
    return is_any(dimension, "", value) if is_unknown(value) else matches(dimension, value)


def both(*parts: Filter) -> Filter:
    return parts[0] if len(parts) == 1 else {"and": list(parts)}


def either(parts: list[Filter]) -> Filter:
    return parts[0] if len(parts) == 1 else {"or": parts} if parts else NOTHING


def path_of(address: str) -> str:
    """The path and query of a page as stored, from a path or a whole URL."""
    if "://" not in address[:12]:
        return address if address.startswith(("/", "*", "#")) or not address else f"/{address}"
    parts = urlsplit(address)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def on_page(dimension: str, address: str) -> Filter:
    """The page of this address; answers show its path encoded, whatever it is stored as."""
    path = path_of(address)
    return matches(dimension, path, unquote(path))


def page(dimension: str) -> Maker:
    return lambda facts, value: on_page(dimension, value)


def plain(dimension: str) -> Maker:
    return lambda facts, value: matches(dimension, value)


def maybe_unknown(dimension: str) -> Maker:
    return lambda facts, value: named(dimension, value)


def visited(make: Maker) -> Maker:
    return lambda facts, value: {"visited": make(facts, value)}


def is_own(facts: SiteFacts, address: str) -> bool:
    """Whether a whole address is one of the site's own."""
    try:
        return facts.hosts.accepts_host(urlsplit(address).hostname or "")
    except ValueError:
        return False


def address_forms(facts: SiteFacts, address: str) -> list[str]:
    """How an address may be stored that an action was logged with: whole, or as a path of the site."""
    whole = "://" in address[:12]
    return [address, *([path_of(address)] if whole and is_own(facts, address) else [])]


def target(dimension: str, facts: SiteFacts, address: str) -> Filter:
    """Actions logged with this address: a path or a whole address, with wildcards."""
    forms = address_forms(facts, address)
    return matches(dimension, *dict.fromkeys([*forms, *map(unquote, forms)]))


def href(facts: SiteFacts, value: str) -> Filter:
    """Actions whose address this is: the one they were logged with, of all others the page they were done on."""
    seen = [on_page("page", value), {"not": HAS_ADDRESS}]
    if "://" in value[:12] and not is_own(facts, value):
        seen.append(matches("host", urlsplit(value).netloc.partition(":")[0].lower()))
    return either([target("target", facts, value), both(*seen)])


def title(facts: SiteFacts, value: str) -> Filter:
    """Actions of this title: of a view its page's, of the rest the text or else the name they were logged with."""
    view = is_any("kind", "view")
    by_name = both(is_any("text", ""), matches("name", value))
    return either([both(view, matches("title", value)), both({"not": view}, either([matches("text", value), by_name]))])


def link(facts: SiteFacts, value: str) -> Filter:
    """The page that linked here, with or without its scheme."""
    if "://" in value[:12] or value.startswith("*"):
        return matches("referrer", value)
    return matches("referrer", f"http://{value}", f"https://{value}")


def address(facts: SiteFacts, value: str) -> Filter:
    """One address, a wildcard, or numeric ranges: `start,end|start,end` (IPv4 as whole numbers).

    Where the site cuts addresses, what is asked for is cut alike: its network is all that is known of a visitor.
    """
    cut = facts.addresses == Addresses.TRUNCATE
    ranges = re.findall(r"(\d{1,10}),(\d{1,10})", value, re.ASCII)
    if ranges and re.fullmatch(r"\d+,\d+(\|\d+,\d+)*", value, re.ASCII):
        begun = [int(first) >> HOST_BITS << HOST_BITS if cut else int(first) for first, _ in ranges]
        return either([in_range(first, int(last)) for first, (_, last) in zip(begun[:20], ranges, strict=False)])
    if not cut:
        return matches("ip", value)
    if "*" in value:
        return matches("ip", value, *([f"{value.rpartition('.')[0]}.0"] if value.count(".") == 3 else []))
    return is_any("ip", *filter(None, dict.fromkeys([value, shortened(value)])))


def in_range(first: int, last: int) -> Filter:
    """All IPv4 addresses from one number to another, as regular expressions over dotted quads."""
    if not 0 <= first <= last < 2**32:
        raise ClickyError("Invalid ip_address range.")
    networks = list(summarize_address_range(IPv4Address(first), IPv4Address(last)))
    return either(
        [
            {"dimension": "ip", "operator": "matches", "value": ["^(?:" + "|".join(part) + ")$"]}
            for part in chunks([quads(network) for network in networks], 16)
        ]
    )


def quads(network: IPv4Network) -> str:
    """The network's addresses: `10\\.0\\.(?:4|5|6|7)\\.[0-9]+`."""
    whole, bits = divmod(network.prefixlen, 8)
    octets = str(network.network_address).split(".")
    parts = octets[:whole]
    if bits:
        start = int(octets[whole])
        parts.append("(?:" + "|".join(str(start + n) for n in range(2 ** (8 - bits))) + ")")
    return r"\.".join(parts + ["[0-9]+"] * (4 - len(parts)))


def chunks(parts: list[str], size: int) -> list[list[str]]:
    return [parts[at : at + size] for at in range(0, len(parts), size)]


def browser(value: str) -> Filter:
    """`Google Chrome` or, with its version, `Google Chrome 120`."""
    if is_unknown(value):
        return named("browser", value)
    name, version = browser_parts(value)
    with_version = both(is_any("browser", name), is_any("browser_version", version))
    return either([matches("browser", browser_parts(value + " ")[0]), *([with_version] if version else [])])


def system(value: str) -> Filter:
    if is_unknown(value):
        return named("os", value)
    name, _, version = value.rpartition(" ")
    with_version = both(is_any("os", name), is_any("os_version", version))
    return either([matches("os", value), *([with_version] if name else [])])


def city(value: str) -> Filter:
    """`Tallinn`, `Tallinn, Estonia` or `Austin, Texas, USA`; a country alone also for visits of no known city."""
    name, state, code = place_parts(value)
    parts = [named("city", name), *([is_any("region", state)] if state else [])]
    found = both(*parts, *([is_any("country", code)] if code else []))
    if code or state or not is_country(name):
        return found
    return either([found, both(is_any("city", ""), is_any("country", country_code(name)))])


def region(value: str) -> Filter:
    """`Texas, United States`, or a country alone for visits of no known region."""
    name, comma, country = value.rpartition(",")
    if comma:
        return both(is_any("region", name.strip()), is_any("country", country_code(country)))
    found = named("region", value.strip())
    if not is_country(value):
        return found
    return either([found, both(is_any("region", ""), is_any("country", country_code(value)))])


def language(value: str) -> Filter:
    """`French` and `fr` are French wherever it is spoken, `French (France)` and `fr-FR` only that."""
    if "*" in value:
        return matches("language", value)
    tag = language_code(value)
    if not tag:
        return is_any("language", "")
    main, _, rest = tag.replace("_", "-").partition("-")
    end = f"[-_]{re.escape(rest)}" if rest else "([-_].*)?"
    return {"dimension": "language", "operator": "matches", "value": [f"^(?i:{re.escape(main)}{end})$"]}


def split_test(value: str) -> Filter:
    """A test by name, or one of its versions: `Prices: high`."""
    name, colon, arm = value.partition(": ")
    whole = matches("split_test", value)
    return either([whole, both(matches("split_test", name), matches("split_arm", arm))]) if colon else whole


def actions(value: str) -> Filter:
    """Exactly so many; `3,` at least, `,3` at most, `2,5` between."""
    found = re.fullmatch(r"(\d{0,9})(,?)(\d{0,9})", value, re.ASCII)
    if not found or not (found[1] or found[3]):
        raise ClickyError("Invalid num_actions.")
    least, several, most = found.groups()
    if not several:
        return {"dimension": "visit_actions", "operator": "is", "value": [int(least)]}
    bounds = [("at_least", least), ("at_most", most)]
    return both(
        *({"dimension": "visit_actions", "operator": word, "value": [int(text)]} for word, text in bounds if text)
    )


def source(value: str) -> Filter:
    """Clicky's traffic sources (`searches`, `advertising` …), or the name of one of ours."""
    return either([is_any("channel", *channels)] if (channels := channels_of(value)) else [is_any("source", value)])


def action_type(value: str) -> Filter:
    kinds = ACTION_KINDS.get(value.strip().lower())
    if not kinds:
        raise ClickyError("Invalid action_type.")
    return is_any("kind", *kinds)


def hostname(facts: SiteFacts, value: str) -> Filter:
    """Return all visits for "Unknown", else none: addresses are never looked up in the DNS, so no name is stored."""
    return {"not": NOTHING} if is_unknown(value) else NOTHING


def country(value: str) -> Filter:
    return matches("country", value if "*" in value else country_code(value))


def of_value(make: Callable[[str], Filter]) -> Maker:
    return lambda facts, value: make(value)


FILTERS: dict[str, Maker] = {
    "ip_address": address,
    "uid": plain("visitor_id"),
    "session_id": plain("visit"),
    "href": visited(href),
    "landing": page("entry_page"),
    "exit": page("exit_page"),
    "num_actions": of_value(actions),
    "search": plain("search_term"),
    "domain": plain("referrer_domain"),
    "link": link,
    "browser": of_value(browser),
    "os": of_value(system),
    "resolution": maybe_unknown("screen"),
    "country": of_value(country),
    "city": of_value(city),
    "language": of_value(language),
    "org": maybe_unknown("organization"),
    "source": of_value(source),
    "title": visited(title),
    "action_type": visited(of_value(action_type)),
    "campaign": plain("utm_campaign"),
    "split": visited(of_value(split_test)),
    "hostname": hostname,
    "shorturl": lambda facts, value: NOTHING,
}
OF_ACTIONS = {"href", "title", "action_type"}  # in an actions-list these say which actions, not whose


def is_filter(name: str) -> bool:
    """Whether a parameter of this name chooses visitors or actions."""
    return name in FILTERS or name in ("goal", "custom") or CUSTOM.fullmatch(name) is not None


def filters_of(facts: SiteFacts, given: Mapping[str, str], of_actions: bool = False) -> tuple[Filter, ...]:
    """All filters of a request. Raises ClickyError for a value that makes no sense."""
    found = []
    for name, value in given.items():
        if not value or len(value) > LONGEST:
            continue
        if name == "goal":
            found.append(goal(facts, value))
        elif name == "custom" or CUSTOM.fullmatch(name):
            found.append(custom(name, value))
        elif name in FILTERS:
            made = build_filter(facts, name, value)
            found.append(made["visited"] if of_actions and name in OF_ACTIONS else made)
    return tuple(found)


def build_filter(facts: SiteFacts, name: str, value: str) -> Filter:
    """The filter of one parameter. Raises ClickyError for a value that names nothing, such as an unknown country."""
    try:
        made = FILTERS[name](facts, value)
        parse(made)
    except QueryRefused as refused:
        raise ClickyError(refused.sentence) from refused
    return made


def goal(facts: SiteFacts, value: str) -> Filter:
    """A goal by number or name; `*` is any of them."""
    goals = goals_of([facts.site_id])
    wanted = goals if value == "*" else [one for one in goals if unescape(value) in (str(one.pk), one.name)]
    return {"visited": either([{"goal": one.pk} for one in wanted])} if wanted else NOTHING


def custom(name: str, value: str) -> Filter:
    """`custom[key]=value`, `custom=key,value`, `custom=key: value`, or `custom=value` of any username."""
    found = CUSTOM.fullmatch(name)
    separator = ": " if ": " in value and "," not in value else ","
    key, _, text = (found[1], "", value) if found else value.rpartition(separator)
    return matches("person" if not key or key in PERSON else f"tag:{key}", text)
