"""Parsers of request bodies into arguments of the services. Members that clients omit are omitted here too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from links.clickmeter.api_request import Json, parse_boolean, parse_integer, parse_time
from links.clickmeter.errors import ApiError, build_parameter_error
from links.models import DatapointKind, DomainKind, Mode, ReferrerClean, Status
from links.validators import MAX_YEAR, MIN_YEAR

ENUM_NAMES: dict[str, dict[str, int]] = {
    "type": {
        "trackinglink": DatapointKind.LINK,
        "tl": DatapointKind.LINK,
        "trackingpixel": DatapointKind.PIXEL,
        "tp": DatapointKind.PIXEL,
    },
    "status": {
        "active": Status.ACTIVE,
        "paused": Status.PAUSED,
        "abuse": Status.BLOCKED,
        "spam": Status.BLOCKED,
        "deleted": Status.DELETED,
    },
    "destinationmode": {
        "simple": Mode.SIMPLE,
        "randomdestination": Mode.RANDOM,
        "destinationbylanguage": Mode.LANGUAGE,
        "spilloverdestination": Mode.SPILLOVER,
        "dynamicurl": Mode.DYNAMIC,
        "browserdestination": Mode.BROWSER,
        "destinationbynation": Mode.NATION,
        "uniquedestination": Mode.UNIQUE,
        "sequentialdestination": Mode.SEQUENTIAL,
        "weighteddestination": Mode.WEIGHTED,
    },
    "redirecttype": {"permanentredirect": 301, "temporaryredirect": 307},
    "referrerclean": {"none": ReferrerClean.NONE, "clean": ReferrerClean.CLEAN, "myself": ReferrerClean.MYSELF},
    "domaintype": {
        "system": DomainKind.SYSTEM,
        "go": DomainKind.GO,
        "personal": DomainKind.PERSONAL,
        "dedicated": DomainKind.DEDICATED,
    },
    "protocol": {"http": 0, "https": 1},
}
ENUM_VALUES = {name: frozenset(words.values()) for name, words in ENUM_NAMES.items()}
NO_DATES = ("00010101", "99991231")
POSITION_NAMES = ("first", "second", "third", "fourth", "fifth")
CONVERSION_MEMBERS = tuple(f"{place}conversionid" for place in POSITION_NAMES)


def parse_enum(value: object, name: str, property_name: str) -> int:
    """Parse an enumeration: a number, a numeric string or a name. Raises ApiError (400)."""
    if type(value) is int and value in ENUM_VALUES[name]:
        return value
    named = ENUM_NAMES[name].get(str(value).strip().lower())
    number = named if named is not None else parse_integer(value, -1)
    if number not in ENUM_VALUES[name]:
        raise build_parameter_error(
            property_name,
            f"{property_name} is one of {', '.join(sorted(ENUM_NAMES[name]))}, or its number.",
            str(value)[:100],
        )
    return int(number)


def parse_action(body: Json, allowed: tuple[str, ...] = ("add", "remove")) -> str:
    """Parse `action` in lower case. Raises ApiError (400) if it is not allowed."""
    action = parse_text(body.get("action")).strip().lower()
    if action not in allowed:
        raise build_parameter_error("Action", f"Action is {' or '.join(allowed)}.", action[:100])
    return action


def parse_object(value: object) -> Json:
    """Return an object unchanged, {} for anything else."""
    return value if isinstance(value, dict) else {}


def parse_list(value: object) -> list[object]:
    """Return a list, the values of an object (as forms send lists), or []."""
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def parse_text(value: object) -> str:
    """Parse a text, or a number as text; "" for null. Raises ApiError (400) for an object or a list."""
    if isinstance(value, dict | list):
        raise ApiError(400, f"A text is expected instead of {'an object' if isinstance(value, dict) else 'a list'}.")
    return "" if value is None else str(value)


def require_text(body: Json, name: str) -> str:
    """Parse a required member, which may be empty. Raises ApiError (400) without it."""
    if name not in body:
        raise build_parameter_error(name, f'The body is an object with the member "{name}".')
    return parse_text(body[name])


def parse_ids(value: object) -> list[int]:
    """Parse `[1, "2", {"id": 3}]` or `"1,2"` into ids; 0 for what is not a number."""
    items = value.split(",") if isinstance(value, str) else parse_list(value)
    return [
        parse_integer(item.get("id") if isinstance(item, dict) else item) for item in items if item not in ("", None)
    ]


def parse_tags(value: object) -> list[int | str]:
    """Parse `[{name}]`, `[{id, name}]`, `[id]` or `["name"]` into ids and names of tags."""
    tags: list[int | str] = []
    for item in parse_list(value):
        if isinstance(item, dict):
            number, name = parse_integer(item.get("id")), parse_text(item.get("name")).strip()
            tags.append(number or name)
        elif isinstance(item, int) and not isinstance(item, bool):
            tags.append(item)
        elif parse_text(item).strip():
            tags.append(parse_text(item).strip())
    return [item for item in tags if item]


def parse_optional_time(value: object, name: str) -> datetime | None:
    """Parse a date; None for the earliest and the latest, which .NET clients send for "none". Raises ApiError (400)."""
    text = parse_text(value).strip()
    if not text or text.startswith(NO_DATES):
        return None
    moment = parse_time(text, name)
    if not MIN_YEAR <= moment.year <= MAX_YEAR:
        raise build_parameter_error(name, f"{name} lies between the years {MIN_YEAR} and {MAX_YEAR}.", text)
    return moment


def parse_scripts(value: object) -> list[int]:
    """Parse `[{id}]` or `[id]` into ids."""
    return [parse_integer(parse_object(item).get("id") or item) for item in parse_list(value)]


OMITTED = object()  # what a parser returns for a member that counts as omitted
Members = Mapping[str, tuple[str, Callable[[object], object]]]  # member -> field and parser


def parse_members(body: Json, members: Members) -> Json:
    """Parse the members that the body has into their fields."""
    fields: Json = {}
    for name, (field, read) in members.items():
        if name in body and (value := read(body[name])) is not OMITTED:
            fields[field] = value
    return fields


COMMON_MEMBERS: Members = {
    "title": ("title", parse_text), "notes": ("notes", parse_text), "preferred": ("favourite", parse_boolean),
    "encodeip": ("encode_ip", parse_boolean), "ispublic": ("is_public", parse_boolean),
    "issecured": ("is_secured", parse_boolean),
    "lighttracking": ("light_tracking", parse_boolean), "redirectonly": ("redirect_only", parse_boolean),
    "status": ("status", lambda value: parse_enum(value, "status", "Status")),
    "tags": ("tags", parse_tags),
}  # fmt: skip
PIXEL_MEMBERS: Members = {"parameternote": ("parameter_note", parse_text)}
LINK_MEMBERS: Members = {
    "url": ("url", parse_text), "firsturl": ("first_url", parse_text), "appendquery": ("append_query", parse_boolean),
    "encodeurl": ("encode_url", parse_boolean), "hideurl": ("hide_url", parse_boolean),
    "hideurltitle": ("hide_url_title", parse_text),
    "isabtest": ("is_ab_test", parse_boolean), "password": ("password", parse_text),
    "expirationclicks": ("expiration_clicks", parse_integer),
    "pauseafterclicksexpiration": ("pause_after_clicks", parse_boolean),
    "pauseafterdateexpiration": ("pause_after_date", parse_boolean),
    "urlafterclicksexpiration": ("url_after_clicks", parse_text),
    "urlafterdateexpiration": ("url_after_date", parse_text),
    "godomainid": ("go_domain", parse_integer),
    "destinationmode": ("mode", lambda value: parse_enum(value, "destinationmode", "DestinationMode")),
    "redirecttype": (
        "redirect_type", lambda value: parse_enum(value, "redirecttype", "RedirectType") if value else OMITTED
    ),
    "referrerclean": ("referrer_clean", lambda value: parse_enum(value, "referrerclean", "ReferrerClean")),
    "expirationdate": ("expiration_date", lambda value: parse_optional_time(value, "ExpirationDate")),
    "scripts": ("scripts", parse_scripts),
    "domainid": ("domain", lambda value: parse_integer(value) or OMITTED),
}  # fmt: skip


def parse_datapoint_fields(body: Json) -> Json:
    """Parse a Datapoint's members into fields of `links.services.links`, alias, domain and kind included."""
    fields = parse_members(body, COMMON_MEMBERS)
    if number := parse_integer(body.get("groupid")):
        fields["group"] = number
    if not body.keys().isdisjoint(CONVERSION_MEMBERS):
        fields["conversions"] = [parse_integer(body.get(member)) for member in CONVERSION_MEMBERS]
    if pixel := body.get("typetp"):
        fields |= parse_members(parse_object(pixel), PIXEL_MEMBERS)
    link = parse_object(body.get("typetl"))
    return fields | parse_link_fields(link, body.get("domainid")) if link else fields


def parse_link_fields(link: Json, domain: object = None) -> Json:
    """Parse the members of typeTL into fields of `links.services.links`. `domain`: where typeTL names none."""
    fields = parse_members(link, LINK_MEMBERS)
    if domain and "domain" not in fields and (number := parse_integer(domain)):
        fields["domain"] = number
    if rules := parse_members(link, RULE_MEMBERS):
        fields["rules"] = rules
    return fields


def parse_urls(value: object) -> list[str]:
    """Parse `[{url}]` or `["url"]`."""
    return [parse_text(item.get("url") if isinstance(item, dict) else item) for item in parse_list(value)]


def parse_urls_by_code(code: str, value: object) -> list[list[str]]:
    """Parse `[{<code>, url}]` into pairs."""
    items = [parse_object(item) for item in parse_list(value)]
    return [[parse_text(item.get(code)), parse_text(item.get("url"))] for item in items]


def parse_weighted_urls(value: object) -> list[list[object]]:
    """Parse `[{url, weight}]` into pairs."""
    items = [parse_object(item) for item in parse_list(value)]
    return [[parse_text(item.get("url")), item.get("weight")] for item in items]


def parse_urls_by_browser(value: object) -> object:
    """Parse the destinations by browser; OMITTED without any."""
    urls = parse_object(value)
    names = ("mobile", "email", "spiders")
    return {name: parse_text(urls.get(f"{name}destinationurl")) for name in names} if urls else OMITTED


def parse_first_url(value: object) -> object:
    """Parse the destination of a visitor's first click; OMITTED without one."""
    url = parse_object(value).get("firstdestinationurl")
    return parse_text(url) if url else OMITTED


RULE_MEMBERS: Members = {  # the items of the modes, in the shape of `links.routing.rules`
    "randomdestinationitems": ("random", parse_urls),
    "sequentialdestinationitems": ("sequential", parse_urls),
    "spilloverdestinationitems": ("spillover", parse_urls),
    "weighteddestinationitems": ("weighted", parse_weighted_urls),
    "urlsbylanguage": ("languages", partial(parse_urls_by_code, "languagecode")),
    "urlsbynation": ("nations", partial(parse_urls_by_code, "nation")),
    "browserdestinationitem": ("browser", parse_urls_by_browser),
    "uniquedestinationitem": ("first", parse_first_url),
}


GROUP_MEMBERS: Members = {
    "name": ("name", parse_text),
    "notes": ("notes", parse_text),
    "preferred": ("favourite", parse_boolean),
    "redirectonly": ("redirect_only", parse_boolean),
    "ispublic": ("is_public", parse_boolean),
    "tags": ("tags", parse_tags),
}
CONVERSION_FIELDS: Members = {
    "name": ("name", parse_text),
    "description": ("description", parse_text),
    "value": ("value", lambda value: value),
    "protocol": ("protocol", lambda value: parse_enum(value, "protocol", "Protocol")),
}


def parse_group_fields(body: Json) -> Json:
    """Parse a Group's members into fields of the services."""
    return parse_members(body, GROUP_MEMBERS)


def parse_conversion_fields(body: Json) -> Json:
    """Parse a Conversion's members into fields of the services."""
    return parse_members(body, CONVERSION_FIELDS)
