"""Requests for links, pixels and conversions, and their translation into hits."""

from __future__ import annotations

from dataclasses import dataclass

from links.routing.snapshot import ConversionSnapshot, LinkSnapshot
from tracking.client_address import resolve_visitor_address
from tracking.event import Hit
from tracking.web import EndpointRequest as AnyRequest

MAX_QUERY = 8000


@dataclass(slots=True)
class LinkRequest(AnyRequest):
    """A request with its scheme, on which a link's cookies and QR codes depend."""

    scheme: str = "http"


def build_hit(link: LinkSnapshot, request: LinkRequest, kind: str) -> Hit:
    """Translate a request for a link or pixel into a hit."""
    headers = request.headers
    query = request.query[:MAX_QUERY].decode("utf-8", "replace")
    return Hit(
        site_id=link.account_id,
        kind=kind,
        ip=resolve_visitor_address(request.peer, headers.get("x-forwarded-for", "")),
        user_agent=headers.get("user-agent", ""),
        now=request.now,
        url=f"{request.scheme}://{headers.get('host', '')}{request.path}{'?' + query if query else ''}",
        referrer=headers.get("referer", ""),
        text=query,
        language=get_first_language(headers),
        headers=headers,
        http_version=request.http_version,
    )


def get_first_language(headers: dict[str, str]) -> str:
    """Return the browser's first language, such as "de-CH"; "" if it names none."""
    return headers.get("accept-language", "").partition(",")[0].partition(";")[0].strip()


def build_conversion_hit(request: LinkRequest, conversion: ConversionSnapshot) -> Hit:
    """Translate a request into the hit of a conversion."""
    headers = request.headers
    return Hit(
        site_id=conversion.account_id,
        kind="conversion",
        ip=resolve_visitor_address(request.peer, headers.get("x-forwarded-for", "")),
        user_agent=headers.get("user-agent", ""),
        now=request.now,
        url=headers.get("referer", ""),
        language=get_first_language(headers),
        headers=headers,
    )
