"""The data of ClickMeter's recorded calls: one of everything with known ids, and bodies with every member."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import time_machine
from django.utils import timezone as clock

from accounts.models import Account, Right
from accounts.services import grant_set
from links.models import ListEntry
from links.services.links import datapoint_update
from tests.support.clickmeter_client import create_one_of_each
from tests.support.links import IPHONE, Browser, flush_clicks, refresh_caches

CODES = {"white": "A" * 32, "black": "B" * 32}
NEW, OTHER = "https://new.test/p?a=1", "https://other.test/"


def create_recorded_world(account: Account) -> dict[str, Any]:
    """One of everything; a click with a sale, more clicks, a view of the pixel, a robot; a guest with two grants."""
    world = create_one_of_each(account)
    click_more(world)
    for name, code in CODES.items():
        ListEntry.objects.filter(pk=world[name].pk).update(code=code)
        world[name].refresh_from_db()
    for kind, name, right in (("group", "group", Right.READ), ("datapoint", "link", Right.WRITE)):
        grant_set(membership=world["guest"], kind=kind, object_id=world[name].pk, right=right)
    datapoint_update(datapoint=world["link"], scripts=[world["script"]])
    return world


def click_more(world: dict[str, Any]) -> None:
    """Clicks of an hour and a day ago with an order of their own."""
    said = {"referer": "https://www.google.com/search?q=tea", "accept-language": "de"}
    now = clock.now()
    for before, path, browser in (
        (timedelta(hours=1), "/l/one?ref=letter", Browser(ip="203.0.113.8", agent=IPHONE, headers=said)),
        (timedelta(hours=2), f"/l/{world['pixel'].alias}", Browser(ip="203.0.113.9")),
        (timedelta(days=1), "/l/one", Browser(ip="203.0.113.7")),
        (timedelta(days=1, hours=1), "/l/one", Browser(ip="203.0.113.10", agent="Googlebot/2.1")),
    ):
        with time_machine.travel(now - before, tick=False):
            refresh_caches()
            browser.open(path)
            flush_clicks()


LINK = {
    "name": "new", "title": "A title", "notes": "Some notes", "preferred": True, "encodeIp": True, "isPublic": "true",
    "lightTracking": 1, "redirectOnly": True, "status": "paused", "tags": [{"name": "blue"}, {"id": "TAG"}],
    "groupId": "GROUP", "firstConversionId": "SALE", "type": "trackinglink",
}  # fmt: skip
DETAILS = {
    "url": NEW, "firstUrl": OTHER, "appendQuery": True, "encodeUrl": True, "hideUrl": False, "hideUrlTitle": "Hidden",
    "isABTest": True, "password": "secret 77", "referrerClean": "clean", "redirectType": "temporaryredirect",
    "expirationClicks": 7, "expirationDate": "20301231235959", "pauseAfterClicksExpiration": True,
    "pauseAfterDateExpiration": False, "urlAfterClicksExpiration": OTHER, "urlAfterDateExpiration": OTHER,
    "goDomainId": "DOMAIN", "scripts": [{"id": "SCRIPT"}],
}  # fmt: skip
URLS = [{"url": NEW}, {"url": OTHER}]
MODES: dict[str, dict[str, Any]] = {
    "randomdestination": {"randomDestinationItems": URLS},
    "sequentialdestination": {"sequentialDestinationItems": URLS},
    "spilloverdestination": {"spilloverDestinationItems": URLS},
    "weighteddestination": {"weightedDestinationItems": [{"url": NEW, "weight": 30}, {"url": OTHER, "weight": 70}]},
    "destinationbylanguage": {"urlsByLanguage": [{"languageCode": "de", "url": OTHER}]},
    "destinationbynation": {"urlsByNation": [{"nation": "EE", "url": OTHER}]},
    "browserdestination": {"browserDestinationItem": {
        "emailDestinationUrl": OTHER, "mobileDestinationUrl": NEW, "spidersDestinationUrl": OTHER,
    }},
    "uniquedestination": {"uniqueDestinationItem": {"firstDestinationUrl": OTHER}},
    "dynamicurl": {},
}  # fmt: skip
PIXEL = {"type": "tp", "title": "Opened", "groupId": "GROUP", "typeTP": {"parameterNote": "A note"}}
GUEST = {
    "email": "new@example.org", "name": "New", "notes": "n", "timeZone": 5, "language": "de-DE",
    "dateFormat": "MM/dd/yyyy", "timeFormat": "AMPM", "decimalSeparator": ",", "numberGroupSeparator": ".",
    "userName": "newcomer", "timeframeMinDate": "20260101", "hitOptions": {"hideReferrer": True},
    "conversionOptions": {"hideCost": True, "percentValue": 50, "percentCommission": 25},
    "extendedGrants": {"allowGroupCreation": True},
}  # fmt: skip
ACCOUNT = {
    "firstName": "Al", "lastName": "Ice", "companyName": "Co", "companyRole": "Owner", "phone": "+372 5555",
    "timezonename": "America/Denver",  # the one zone whose number does not depend on the list of zones
}  # fmt: skip
GROUP = {
    "name": "G", "notes": "Some notes", "preferred": True, "redirectOnly": True, "isPublic": True,
    "tags": [{"name": "green"}],
}  # fmt: skip
FULL: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/datapoints"): {"every member": {**LINK, "typeTL": DETAILS}, "a pixel": PIXEL},
    ("POST", "/datapoints/{id}"): {
        name: {"title": "T", "typeTL": {"url": NEW, "destinationMode": name, **items}} for name, items in MODES.items()
    },
    ("POST", "/groups"): {"every member": GROUP},
    ("POST", "/groups/{id}"): {"every member": GROUP},
    ("POST", "/conversions"): {
        "every member": {"name": "Lead", "description": "Some words", "value": "12.5", "protocol": "http"},
    },
    ("POST", "/conversions/{conversionId}"): {"every member": {"name": "Lead", "description": "Words", "value": 3}},
    ("POST", "/domains"): {
        "every member": {
            "name": "new.own.test", "type": 3, "custom404": OTHER, "customHomepage": "https://own.test/home",
        },
    },
    ("POST", "/tags"): {"every member": {"name": "blue", "datapoints": ["LINK"], "groups": ["GROUP"]}},
    ("POST", "/account"): {"every member": ACCOUNT},
    ("POST", "/account/guests"): {"every member": GUEST},
    ("POST", "/account/guests/{guestId}"): {"every member": {**GUEST, "email": "guest@example.org"}},
}  # fmt: skip
WORDS = {"LINK": "link", "GROUP": "group", "TAG": "tag", "SALE": "sale", "DOMAIN": "domain", "SCRIPT": "script"}


def fill_body(body: Any, world: dict[str, Any]) -> Any:
    """The body with numbers of the world's rows where it says LINK, GROUP, …"""
    text = json.dumps(body)
    for word, name in WORDS.items():
        text = text.replace(f'"{word}"', str(world[name].pk))
    return json.loads(text)
