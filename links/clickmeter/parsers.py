"""Parsers of request bodies into arguments of the services. Members that clients omit are omitted here too."""

from __future__ import annotations

from datetime import datetime

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


def parse_enum(value: object, name: str, property_name: str) -> int:
    """Parse an enumeration: a number, a numeric string or a name. Raises ApiError (400)."""
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


COMMON_MEMBERS = {
    "title": ("title", parse_text), "notes": ("notes", parse_text), "preferred": ("favourite", parse_boolean),
    "encodeip": ("encode_ip", parse_boolean), "ispublic": ("is_public", parse_boolean),
    "issecured": ("is_secured", parse_boolean),
    "lighttracking": ("light_tracking", parse_boolean), "redirectonly": ("redirect_only", parse_boolean),
}  # fmt: skip
LINK_MEMBERS = {
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
}  # fmt: skip


def parse_datapoint_fields(body: Json) -> Json:
    """Parse a Datapoint's members into fields of `links.services.links`, alias, domain and kind included."""
    fields = {field: read(body[name]) for name, (field, read) in COMMON_MEMBERS.items() if name in body}
    if "status" in body:
        fields["status"] = parse_enum(body["status"], "status", "Status")
    if parse_integer(body.get("groupid")):
        fields["group"] = parse_integer(body["groupid"])
    if "tags" in body:
        fields["tags"] = parse_tags(body["tags"])
    if any(f"{place}conversionid" in body for place in POSITION_NAMES):
        fields["conversions"] = [parse_integer(body.get(f"{place}conversionid")) for place in POSITION_NAMES]
    pixel = parse_object(body.get("typetp"))
    if "parameternote" in pixel:
        fields["parameter_note"] = parse_text(pixel["parameternote"])
    link = parse_object(body.get("typetl"))
    return fields | parse_link_fields(link, parse_integer(body.get("domainid"))) if link else fields


def parse_link_fields(link: Json, domain: int = 0) -> Json:
    """Parse the members of typeTL into fields of `links.services.links`."""
    fields = {field: read(link[name]) for name, (field, read) in LINK_MEMBERS.items() if name in link}
    if "destinationmode" in link:
        fields["mode"] = parse_enum(link["destinationmode"], "destinationmode", "DestinationMode")
    if link.get("redirecttype"):
        fields["redirect_type"] = parse_enum(link["redirecttype"], "redirecttype", "RedirectType")
    if "referrerclean" in link:
        fields["referrer_clean"] = parse_enum(link["referrerclean"], "referrerclean", "ReferrerClean")
    if "expirationdate" in link:
        fields["expiration_date"] = parse_optional_time(link["expirationdate"], "ExpirationDate")
    if "scripts" in link:
        fields["scripts"] = [
            parse_integer(parse_object(item).get("id") or item) for item in parse_list(link["scripts"])
        ]
    if number := parse_integer(link.get("domainid")) or domain:
        fields["domain"] = number
    if rules := parse_rules(link):
        fields["rules"] = rules
    return fields


def parse_rules(link: Json) -> Json:
    """Parse the items of the modes into the shape of `links.routing.rules`."""
    rules: Json = {}
    for member, name in (
        ("randomdestinationitems", "random"),
        ("sequentialdestinationitems", "sequential"),
        ("spilloverdestinationitems", "spillover"),
    ):
        if member in link:
            rules[name] = [
                parse_text(parse_object(item).get("url") if isinstance(item, dict) else item)
                for item in parse_list(link[member])
            ]
    for member, name, code in (
        ("weighteddestinationitems", "weighted", None),
        ("urlsbylanguage", "languages", "languagecode"),
        ("urlsbynation", "nations", "nation"),
    ):
        if member in link:
            items = [parse_object(item) for item in parse_list(link[member])]
            rules[name] = [
                [parse_text(item.get(code)), parse_text(item.get("url"))] if code
                else [parse_text(item.get("url")), item.get("weight")]
                for item in items
            ]  # fmt: skip
    browser = parse_object(link.get("browserdestinationitem"))
    if browser:
        rules["browser"] = {
            "mobile": parse_text(browser.get("mobiledestinationurl")),
            "email": parse_text(browser.get("emaildestinationurl")),
            "spiders": parse_text(browser.get("spidersdestinationurl")),
        }
    first = parse_object(link.get("uniquedestinationitem")).get("firstdestinationurl")
    if first:
        rules["first"] = parse_text(first)
    return rules


def parse_group_fields(body: Json) -> Json:
    """Parse a Group's members into fields of the services."""
    fields: Json = {}
    for name, field, read in (
        ("name", "name", parse_text),
        ("notes", "notes", parse_text),
        ("preferred", "favourite", parse_boolean),
        ("redirectonly", "redirect_only", parse_boolean),
        ("ispublic", "is_public", parse_boolean),
    ):
        if name in body:
            fields[field] = read(body[name])
    if "tags" in body:
        fields["tags"] = parse_tags(body["tags"])
    return fields


def parse_conversion_fields(body: Json) -> Json:
    """Parse a Conversion's members into fields of the services."""
    fields: Json = {}
    for name in ("name", "description"):
        if name in body:
            fields[name] = parse_text(body[name])
    if "value" in body:
        fields["value"] = body["value"]
    if "protocol" in body:
        fields["protocol"] = parse_enum(body["protocol"], "protocol", "Protocol")
    return fields
