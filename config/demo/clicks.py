"""Clicks on the demo's links: requests to the redirector's functions, with the times of the simulated visits."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlencode

from config import process
from config.demo.world import DemoPerson
from links.conversions import recording
from links.models import Conversion, Datapoint, DatapointKind
from links.redirect import endpoints, redirector
from links.redirect.click_pipeline import LinkRequest
from links.routing import link_cache
from tracking.event import Rejection

DESKTOP_HEADERS = {"accept": "text/html,application/xhtml+xml", "sec-fetch-dest": "document"}
_pixel_ids: dict[tuple[int, str], int] = {}  # (account, title) -> id, a cache


def build_request(
    person: DemoPerson, path: str, now: datetime, *, referrer: str = "", query: str = "", cookies: str = ""
) -> LinkRequest:
    """Build the request of the person's browser."""
    headers = {
        "host": link_cache.get_system_host(), "user-agent": person.user_agent, "accept-language": person.language,
        "referer": referrer, "cookie": cookies, **DESKTOP_HEADERS,
    }  # fmt: skip
    return LinkRequest(
        state=process.state, method="GET", path=path, query=query.encode(), headers=headers, peer=person.ip, now=now,
        scheme="https",
    )  # fmt: skip


def follow_link(account_id: int, alias: str, person: DemoPerson, now: datetime, referrer: str = "") -> tuple[str, str]:
    """Click on a link; returns the destination and the cookies that were set, or ("", "") for an unknown link."""
    domain = link_cache.find_domain(link_cache.get_system_host())
    link = link_cache.find_link_by_alias(domain.domain_id, alias) if domain else None
    if domain is None or link is None or link.account_id != account_id:
        return "", ""
    response = redirector.follow_link(link, domain, build_request(person, f"/l/{alias}", now, referrer=referrer))
    headers = {name: value.decode() for name, value in reversed(response.headers)}
    return headers.get(b"location", ""), headers.get(b"set-cookie", "").partition(";")[0]


def view_pixel(account_id: int, title: str, person: DemoPerson, now: datetime) -> None:
    """Request the pixel in a mail or page."""
    pixel = link_cache.find_link(_pixel_ids.get((account_id, title), 0))
    if pixel is None or pixel.account_id != account_id or pixel.kind != DatapointKind.PIXEL:
        row = Datapoint.objects.filter(account_id=account_id, kind=DatapointKind.PIXEL, title=title).first()
        pixel = link_cache.find_link(row.pk) if row else None
    if pixel is not None:
        _pixel_ids[account_id, title] = pixel.link_id
        endpoints.serve_pixel(pixel, build_request(person, f"/l/{pixel.alias}", now))


def report_conversion(
    account_id: int,
    name: str,
    person: DemoPerson,
    now: datetime,
    *,
    cookies: str,
    value: float,
    order: str,
    percent: int = 0,
) -> bool:
    """Report a conversion, as the page after a sale does; returns whether it was counted."""
    row = Conversion.objects.filter(account_id=account_id, name=name, deleted=None).first()
    fields = {
        "id": row.code if row else "", "val": f"{value:.2f}", "param": order, "comperc": str(percent),
        "pixel": "true",
    }  # fmt: skip
    request = build_request(person, "/conversion.aspx", now, query=urlencode(fields), cookies=cookies)
    return not isinstance(recording.record_conversion(request, browser=True), Rejection)
