"""What clients send, as arguments of the services. Members they leave out are left out here too."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from links.api.call import read_moment, truth, whole
from links.api.errors import Failure, invalid
from links.cleaned import FIRST_YEAR, LAST_YEAR
from links.models import DomainKind, Kind, Mode, ReferrerClean, Status

Fields = dict[str, Any]
NAMES: dict[str, dict[str, int]] = {
    "type": {"trackinglink": Kind.LINK, "tl": Kind.LINK, "trackingpixel": Kind.PIXEL, "tp": Kind.PIXEL},
    "status": {"active": Status.ACTIVE, "paused": Status.PAUSED, "abuse": Status.BLOCKED, "spam": Status.BLOCKED,
               "deleted": Status.DELETED},
    "destinationmode": {
        "simple": Mode.SIMPLE, "randomdestination": Mode.RANDOM, "destinationbylanguage": Mode.LANGUAGE,
        "spilloverdestination": Mode.SPILLOVER, "dynamicurl": Mode.DYNAMIC, "browserdestination": Mode.BROWSER,
        "destinationbynation": Mode.NATION, "uniquedestination": Mode.UNIQUE,
        "sequentialdestination": Mode.SEQUENTIAL, "weighteddestination": Mode.WEIGHTED,
    },
    "redirecttype": {"permanentredirect": 301, "temporaryredirect": 307},
    "referrerclean": {"none": ReferrerClean.NONE, "clean": ReferrerClean.CLEAN, "myself": ReferrerClean.MYSELF},
    "domaintype": {"system": DomainKind.SYSTEM, "go": DomainKind.GO, "personal": DomainKind.PERSONAL,
                   "dedicated": DomainKind.DEDICATED},
    "protocol": {"http": 0, "https": 1},
}  # fmt: skip
ALLOWED = {name: frozenset(words.values()) for name, words in NAMES.items()}
NO_DATES = ("00010101", "99991231")
PLACES = ("first", "second", "third", "fourth", "fifth")


def enumerated(value: Any, name: str, shown: str) -> int:
    """A number, a numeric string or a name. Raises Failure (400)."""
    found = NAMES[name].get(str(value).strip().lower())
    number = found if found is not None else whole(value, -1)
    if number not in ALLOWED[name]:
        raise invalid(shown, f"{shown} is one of {', '.join(sorted(NAMES[name]))}, or its number.", str(value)[:100])
    return int(number)


def action_of(body: Fields, allowed: tuple[str, ...] = ("add", "remove")) -> str:
    """What to do, in lower case. Raises Failure (400) for a word that is not allowed."""
    action = text_of(body.get("action")).strip().lower()
    if action not in allowed:
        raise invalid("Action", f"Action is {' or '.join(allowed)}.", action[:100])
    return action


def object_of(value: Any) -> Fields:
    return value if isinstance(value, dict) else {}


def list_of(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def text_of(value: Any) -> str:
    """Text, or a number as text; "" for null. Raises Failure (400) for an object or a list."""
    if isinstance(value, dict | list):
        raise Failure(400, f"A text is expected instead of {'an object' if isinstance(value, dict) else 'a list'}.")
    return "" if value is None else str(value)


def needed_text(body: Fields, name: str) -> str:
    """A member that has to be there, possibly empty. Raises Failure (400) without it."""
    if name not in body:
        raise invalid(name, f'The body is an object with the member "{name}".')
    return text_of(body[name])


def ids_of(value: Any) -> list[int]:
    """`[1, "2", {"id": 3}]` or `"1,2"` as numbers; 0 for what is no number."""
    items = value.split(",") if isinstance(value, str) else list_of(value)
    return [whole(one.get("id") if isinstance(one, dict) else one) for one in items if one not in ("", None)]


def tags_of(value: Any) -> list[int | str]:
    """`[{name}]`, `[{id, name}]`, `[id]` or `["name"]`: names make tags, numbers name them."""
    found: list[int | str] = []
    for one in list_of(value):
        if isinstance(one, dict):
            number, name = whole(one.get("id")), text_of(one.get("name")).strip()
            found.append(number or name)
        elif isinstance(one, int) and not isinstance(one, bool):
            found.append(one)
        elif text_of(one).strip():
            found.append(text_of(one).strip())
    return [one for one in found if one]


def moment_of(value: Any, name: str) -> datetime | None:
    """A date; None for the earliest and the latest, with which .NET clients say that there is none. Raises Failure."""
    text = text_of(value).strip()
    if not text or text.startswith(NO_DATES):
        return None
    found = read_moment(text, name)
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise invalid(name, f"{name} lies between the years {FIRST_YEAR} and {LAST_YEAR}.", text)
    return found


COMMON = {
    "title": ("title", text_of), "notes": ("notes", text_of), "preferred": ("favourite", truth),
    "encodeip": ("encode_ip", truth), "ispublic": ("is_public", truth), "issecured": ("is_secured", truth),
    "lighttracking": ("light_tracking", truth), "redirectonly": ("redirect_only", truth),
}  # fmt: skip
LINK = {
    "url": ("url", text_of), "firsturl": ("first_url", text_of), "appendquery": ("append_query", truth),
    "encodeurl": ("encode_url", truth), "hideurl": ("hide_url", truth), "hideurltitle": ("hide_url_title", text_of),
    "isabtest": ("is_ab_test", truth), "password": ("password", text_of),
    "expirationclicks": ("expiration_clicks", whole),
    "pauseafterclicksexpiration": ("pause_after_clicks", truth),
    "pauseafterdateexpiration": ("pause_after_date", truth),
    "urlafterclicksexpiration": ("url_after_clicks", text_of), "urlafterdateexpiration": ("url_after_date", text_of),
    "godomainid": ("go_domain", whole),
}  # fmt: skip


def datapoint_fields(body: Fields) -> Fields:
    """A Datapoint's members as fields of `links.services`; alias, domain and kind are among them."""
    found = {field: read(body[name]) for name, (field, read) in COMMON.items() if name in body}
    if "status" in body:
        found["status"] = enumerated(body["status"], "status", "Status")
    if whole(body.get("groupid")):
        found["group"] = whole(body["groupid"])
    if "tags" in body:
        found["tags"] = tags_of(body["tags"])
    if any(f"{place}conversionid" in body for place in PLACES):
        found["conversions"] = [whole(body.get(f"{place}conversionid")) for place in PLACES]
    pixel = object_of(body.get("typetp"))
    if "parameternote" in pixel:
        found["parameter_note"] = text_of(pixel["parameternote"])
    link = object_of(body.get("typetl"))
    return found | link_fields(link, whole(body.get("domainid"))) if link else found


def link_fields(link: Fields, domain: int = 0) -> Fields:
    found = {field: read(link[name]) for name, (field, read) in LINK.items() if name in link}
    if "destinationmode" in link:
        found["mode"] = enumerated(link["destinationmode"], "destinationmode", "DestinationMode")
    if link.get("redirecttype"):
        found["redirect_type"] = enumerated(link["redirecttype"], "redirecttype", "RedirectType")
    if "referrerclean" in link:
        found["referrer_clean"] = enumerated(link["referrerclean"], "referrerclean", "ReferrerClean")
    if "expirationdate" in link:
        found["expiration_date"] = moment_of(link["expirationdate"], "ExpirationDate")
    if "scripts" in link:
        found["scripts"] = [whole(object_of(one).get("id") or one) for one in list_of(link["scripts"])]
    if number := whole(link.get("domainid")) or domain:
        found["domain"] = number
    if rules := rules_of(link):
        found["rules"] = rules
    return found


def rules_of(link: Fields) -> Fields:
    """Items of the modes, in the shape of `links.rulebook`."""
    rules: Fields = {}
    for member, name in (
        ("randomdestinationitems", "random"),
        ("sequentialdestinationitems", "sequential"),
        ("spilloverdestinationitems", "spillover"),
    ):
        if member in link:
            rules[name] = [
                text_of(object_of(one).get("url") if isinstance(one, dict) else one) for one in list_of(link[member])
            ]
    for member, name, code in (
        ("weighteddestinationitems", "weighted", None),
        ("urlsbylanguage", "languages", "languagecode"),
        ("urlsbynation", "nations", "nation"),
    ):
        if member in link:
            items = [object_of(one) for one in list_of(link[member])]
            rules[name] = [
                [text_of(one.get(code)), text_of(one.get("url"))] if code
                else [text_of(one.get("url")), one.get("weight")]
                for one in items
            ]  # fmt: skip
    browser = object_of(link.get("browserdestinationitem"))
    if browser:
        rules["browser"] = {
            "mobile": text_of(browser.get("mobiledestinationurl")),
            "email": text_of(browser.get("emaildestinationurl")),
            "spiders": text_of(browser.get("spidersdestinationurl")),
        }
    first = object_of(link.get("uniquedestinationitem")).get("firstdestinationurl")
    if first:
        rules["first"] = text_of(first)
    return rules


def group_fields(body: Fields) -> Fields:
    found: Fields = {}
    for name, field, read in (
        ("name", "name", text_of),
        ("notes", "notes", text_of),
        ("preferred", "favourite", truth),
        ("redirectonly", "redirect_only", truth),
        ("ispublic", "is_public", truth),
    ):
        if name in body:
            found[field] = read(body[name])
    if "tags" in body:
        found["tags"] = tags_of(body["tags"])
    return found


def conversion_fields(body: Fields) -> Fields:
    found: Fields = {}
    for name in ("name", "description"):
        if name in body:
            found[name] = text_of(body[name])
    if "value" in body:
        found["value"] = body["value"]
    if "protocol" in body:
        found["protocol"] = enumerated(body["protocol"], "protocol", "Protocol")
    return found
