"""Recording conversions, which the page after a sale or another server reports: attribute them to a click
(`links.conversions.click_attribution`), value and deduplicate them.

A parameter (order number) counts once per conversion. Without one every call counts, and the first of a click is
unique. A refund (`refund=1` or a negative value) subtracts the value.
"""

from __future__ import annotations

from collections.abc import Callable

from accounts.security.client_ip import is_in_networks
from links.conversions import click_attribution
from links.redirect import click_pipeline, tokens
from links.redirect.click_deduplication import COUNTED_CONVERSIONS, build_conversion_key
from links.redirect.click_pipeline import LinkRequest, build_conversion_hit
from links.redirect.endpoints import EMPTY_PAGE, wants_page
from links.routing import link_cache
from links.routing.snapshot import AccountLinkConfig, ConversionSnapshot, LinkSnapshot
from sites.amounts import parse_amount
from tracking import ingestion
from tracking.event import Event, Hit, Rejection
from tracking.pipeline.page import clip_text, limit_amount
from tracking.pipeline.visitor_address import shorten_address
from tracking.state.base import State
from tracking.state.questions import ClaimFirst
from tracking.web import Reply, build_gif_reply

EMPTY_PARAMETERS = {"", "empty"}


def parse_amount_or_zero(text: str) -> float:
    """Parse an amount as people write it; 0 for anything else."""
    amount = parse_amount(text)
    return amount.value if amount else 0.0


def record_conversion(request: LinkRequest, *, browser: bool) -> Event | Rejection:
    """Record one conversion; a rejection has the reason: no_conversion, no_click, duplicate, bot …"""
    fields = {name.lower(): value for name, value in request.fields().items()}
    conversion = link_cache.find_conversion_by_code(fields.get("id", ""))
    ingestion.count_received(conversion.account_id if conversion else 0, request.now)
    if conversion is None:
        return ingestion.count_rejection(0, "no_conversion", request.now)
    account = link_cache.find_account(conversion.account_id)
    hit = build_conversion_hit(request, conversion)
    if account is None or account.site.refuses_hits:
        reason = account.site.refusal_reason if account else "over_quota"
        return ingestion.count_rejection(conversion.account_id, reason, request.now)
    if account.blacklist and is_in_networks(hit.ip, account.blacklist):
        return ingestion.count_rejection(conversion.account_id, "excluded_ip", request.now)
    if browser and click_pipeline.find_bot_reason(hit, request.method):
        return ingestion.count_rejection(conversion.account_id, "bot", request.now)
    attributed = click_attribution.find_attributed_click(conversion, hit, fields, browser, request.state)
    if attributed is None:
        return ingestion.count_rejection(conversion.account_id, "no_click", request.now)
    return store_conversion(conversion, account, hit, fields, *attributed, request.state)


def store_conversion(
    conversion: ConversionSnapshot,
    account: AccountLinkConfig,
    hit: Hit,
    fields: dict[str, str],
    click: tokens.ClickToken,
    link: LinkSnapshot,
    state: State,
) -> Event | Rejection:
    """Store the conversion, or reject it if its parameter was counted before."""
    value = parse_amount_or_zero(fields.get("val", "")) or conversion.value
    refund = fields.get("refund", "").lower() in ("1", "true") or value < 0
    kind = "refund" if refund else "conversion"
    parameter = clip_text(fields.get("param", ""), 255)
    parameter = "" if parameter.lower() in EMPTY_PARAMETERS else parameter
    at = hit.now.timestamp()
    if parameter:
        is_new = state.ask(build_question(kind, conversion.conversion_id, parameter, at, waits=True))
        if not is_new:
            reason = "undecided" if is_new is None else "duplicate"
            return ingestion.count_rejection(link.account_id, reason, hit.now)
    first = not refund and bool(state.ask(build_question("first", conversion.conversion_id, str(click.click_id), at)))
    commission = (
        parse_amount_or_zero(fields.get("com", ""))
        or abs(value) * parse_amount_or_zero(fields.get("comperc", "")) / 100
    )
    link_event = click_pipeline.build_link_event(link, hit, account.site, state)
    event: Event = {
        **link_event, "kind": kind, "id": tokens.generate_click_id(), "click_id": click.click_id,
        "conversion_id": conversion.conversion_id, "name": parameter, "is_unique": int(first),
        "currency": conversion.currency, "revenue": limit_amount(-abs(value) if refund else value),
        "commission": limit_amount(-abs(commission) if refund else commission), "destination": link.url[:1000],
        **(shorten_address(hit, account.truncated_site if link.encode_ip else account.site, link_event) or {}),
    }  # fmt: skip
    return ingestion.write_event(event, hit.now)


def build_question(kind: str, conversion_id: int, value: str, at: float, *, waits: bool = False) -> ClaimFirst:
    """Build the question whether a parameter, or a conversion of a click, is counted for the first time."""
    return ClaimFirst(COUNTED_CONVERSIONS, build_conversion_key(kind, conversion_id, value), at, waits=waits)


def serve_conversion(request: LinkRequest) -> Reply:
    """Serve `/conversion.aspx`: an image (`pixel=true`) or a frame of the page after a sale."""
    outcome = record_conversion(request, browser=True)
    dropped = outcome.reason if isinstance(outcome, Rejection) else ""
    fields = request.fields()
    if fields.get("pixel", "").lower() == "true" or not wants_page(request):
        return build_gif_reply(dropped)
    return Reply(EMPTY_PAGE, b"text/html; charset=utf-8", dropped=dropped)


def serve_server_to_server(request: LinkRequest) -> Reply:
    """Serve `/s2s`, where another server reports a conversion by click token; the JSON says whether it was accepted."""
    outcome = record_conversion(request, browser=False)
    if isinstance(outcome, Rejection):
        body = b'{"status":"error","reason":"%s"}' % outcome.reason.encode()
        return Reply(body, b"application/json", 200 if outcome.reason == "duplicate" else 404, dropped=outcome.reason)
    return Reply(b'{"status":"ok"}', b"application/json")


CONVERSION_ENDPOINTS: dict[str, Callable[[LinkRequest], Reply]] = {
    "/conversion.aspx": serve_conversion,
    "/s2s": serve_server_to_server,
}
