"""Clicks on the demo's links: requests at the redirector's own doors, at the moments when people made them."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlencode

from config.demo.world import Person
from links import convert, doors, known, redirector
from links.hits import Request
from links.models import Conversion, Datapoint, Kind
from tracking.hit import Refused

DESKTOP_HEADERS = {"accept": "text/html,application/xhtml+xml", "sec-fetch-dest": "document"}
_pixels: dict[tuple[int, str], int] = {}  # (account, title) -> number, as last read


def asked(person: Person, path: str, now: datetime, *, referrer: str = "", query: str = "", jar: str = "") -> Request:
    """What the person's browser asks."""
    headers = {
        "host": known.system_host(), "user-agent": person.user_agent, "accept-language": person.language,
        "referer": referrer, "cookie": jar, **DESKTOP_HEADERS,
    }  # fmt: skip
    return Request("GET", path, query.encode(), headers, person.ip, now, scheme="https")


def follow(account_id: int, alias: str, person: Person, now: datetime, referrer: str = "") -> tuple[str, str]:
    """Click on a link. (where the browser is sent, the cookies it keeps); nothing where it stays."""
    domain = known.domain(known.system_host())
    link = known.by_alias(domain.domain_id, alias) if domain else None
    if domain is None or link is None or link.account_id != account_id:
        return "", ""
    reply = redirector.follow(link, domain, asked(person, f"/l/{alias}", now, referrer=referrer))
    told = {name: value.decode() for name, value in reversed(reply.headers)}
    return told.get(b"location", ""), told.get(b"set-cookie", "").partition(";")[0]


def see(account_id: int, title: str, person: Person, now: datetime) -> None:
    """A mail or page with a pixel is shown."""
    pixel = known.link(_pixels.get((account_id, title), 0))
    if pixel is None or pixel.account_id != account_id or pixel.kind != Kind.PIXEL:
        found = Datapoint.objects.filter(account_id=account_id, kind=Kind.PIXEL, title=title).first()
        pixel = known.link(found.pk) if found else None
    if pixel is not None:
        _pixels[account_id, title] = pixel.link_id
        doors.pixel(pixel, asked(person, f"/l/{pixel.alias}", now))


def report(
    account_id: int, name: str, person: Person, now: datetime, *, jar: str, value: float, order: str, percent: int = 0
) -> bool:
    """The page after a sale reports it; whether it was counted."""
    row = Conversion.objects.filter(account_id=account_id, name=name, deleted=None).first()
    fields = {
        "id": row.code if row else "", "val": f"{value:.2f}", "param": order, "comperc": str(percent),
        "pixel": "true",
    }  # fmt: skip
    request = asked(person, "/conversion.aspx", now, query=urlencode(fields), jar=jar)
    return not isinstance(convert.report(request, browser=True), Refused)
