"""Clicky's visitor and action filters as the engine's filter JSON.

A filter of visitors holds for a visit that contains what it names, each filter on its own: `href=/a&goal=Sale` are
visits that saw /a and, at some time, reached the goal. So what only events have is wrapped in `visited`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv4Network, summarize_address_range
from typing import Any
from urllib.parse import urlsplit

from goals.querysets import goals_of
from reports.clicky.errors import ClickyError
from reports.clicky.words import ACTION_KINDS, browser_parts, channels_of, country_code, place_parts
from reports.engine.filters import parse
from reports.engine.refusal import QueryRefused
from sites.facts import SiteFacts

Filter = dict[str, Any]
CUSTOM = re.compile(r"custom\[([^\]]{1,100})\]", re.DOTALL)
LONGEST = 1_000
NOTHING: Filter = {"dimension": "visit", "operator": "is", "value": ["0"]}  # no visit has this number
PERSON = ("username", "user")


def is_any(dimension: str, *values: str) -> Filter:
    return {"dimension": dimension, "operator": "is", "value": list(values)}


def matches(dimension: str, value: str) -> Filter:
    """Exactly the value; with a `*` anything in its place."""
    if "*" not in value:
        return is_any(dimension, value)
    expression = "^" + ".*".join(re.escape(piece) for piece in value.split("*")) + "$"
    return {"dimension": dimension, "operator": "matches", "value": [expression]}


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


def page(dimension: str) -> Callable[[str], Filter]:
    return lambda value: matches(dimension, path_of(value))


def plain(dimension: str) -> Callable[[str], Filter]:
    return lambda value: matches(dimension, value)


def visited(make: Callable[[str], Filter]) -> Callable[[str], Filter]:
    return lambda value: {"visited": make(value)}


def address(value: str) -> Filter:
    """One address, a wildcard, or numeric ranges: `start,end|start,end` (IPv4 as whole numbers)."""
    ranges = re.findall(r"(\d{1,10}),(\d{1,10})", value, re.ASCII)
    if ranges and re.fullmatch(r"\d+,\d+(\|\d+,\d+)*", value, re.ASCII):
        return either([in_range(int(first), int(last)) for first, last in ranges[:20]])
    return matches("ip", value)


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
    name, version = browser_parts(value)
    with_version = both(is_any("browser", name), is_any("browser_version", version))
    return either([matches("browser", browser_parts(value + " ")[0]), *([with_version] if version else [])])


def system(value: str) -> Filter:
    name, _, version = value.rpartition(" ")
    with_version = both(is_any("os", name), is_any("os_version", version))
    return either([matches("os", value), *([with_version] if name else [])])


def city(value: str) -> Filter:
    """`Tallinn` or `Tallinn, Estonia`."""
    name, code = place_parts(value)
    return both(is_any("city", name), *([is_any("country", code)] if code else []))


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


def code(dimension: str, read: Callable[[str], str]) -> Callable[[str], Filter]:
    return lambda value: is_any(dimension, read(value))


FILTERS: dict[str, Callable[[str], Filter]] = {
    "ip_address": address,
    "uid": plain("visitor_id"),
    "session_id": plain("visit"),
    "href": visited(page("page")),
    "landing": page("entry_page"),
    "exit": page("exit_page"),
    "num_actions": actions,
    "search": plain("search_term"),
    "domain": plain("referrer_domain"),
    "link": plain("referrer"),
    "browser": browser,
    "os": system,
    "resolution": plain("screen"),
    "country": code("country", country_code),
    "city": city,
    "language": code("language", str.strip),
    "org": plain("organization"),
    "source": source,
    "title": visited(plain("title")),
    "action_type": visited(action_type),
    "campaign": plain("utm_campaign"),
    "split": visited(plain("split_test")),
    "hostname": lambda value: NOTHING,  # not looked up: names of visitors' hosts are not kept
    "shorturl": lambda value: NOTHING,
}
OF_ACTIONS = {"href", "title", "action_type"}  # in an actions-list these say which actions, not whose


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
            made = made_of(name, value)
            found.append(made["visited"] if of_actions and name in OF_ACTIONS else made)
    return tuple(found)


def made_of(name: str, value: str) -> Filter:
    """The filter of one parameter. Raises ClickyError for a value that names nothing, such as an unknown country."""
    try:
        made = FILTERS[name](value)
        parse(made)
    except QueryRefused as refused:
        raise ClickyError(refused.sentence) from refused
    return made


def goal(facts: SiteFacts, value: str) -> Filter:
    """A goal by number or name; `*` is any of them."""
    goals = goals_of([facts.site_id])
    wanted = goals if value == "*" else [one for one in goals if value in (str(one.pk), one.name)]
    return {"visited": either([{"goal": one.pk} for one in wanted])} if wanted else NOTHING


def custom(name: str, value: str) -> Filter:
    """`custom[key]=value`, `custom=key,value`, or `custom=value` of any username."""
    found = CUSTOM.fullmatch(name)
    key, _, text = (found[1], "", value) if found else value.rpartition(",")
    return matches("person" if not key or key in PERSON else f"tag:{key}", text)
