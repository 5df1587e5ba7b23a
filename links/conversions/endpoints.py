"""The endpoints of conversions: the page after a sale, and calls from server to server."""

from __future__ import annotations

from collections.abc import Callable

from links.conversions import recording
from links.redirect.endpoints import EMPTY_PAGE, wants_page
from links.redirect.link_request import LinkRequest
from tracking.event import Rejection
from tracking.web import Reply, build_gif_reply


def serve_conversion(request: LinkRequest) -> Reply:
    """Serve `/conversion.aspx`: an image (`pixel=true`) or a frame of the page after a sale."""
    outcome = recording.record_conversion(request, browser=True)
    dropped = outcome.reason if isinstance(outcome, Rejection) else ""
    fields = request.fields()
    if fields.get("pixel", "").lower() == "true" or not wants_page(request):
        return build_gif_reply(dropped)
    return Reply(EMPTY_PAGE, b"text/html; charset=utf-8", dropped=dropped)


def serve_server_to_server(request: LinkRequest) -> Reply:
    """Serve `/s2s`, where another server reports a conversion by click token; the JSON says whether it was accepted."""
    outcome = recording.record_conversion(request, browser=False)
    if isinstance(outcome, Rejection):
        body = b'{"status":"error","reason":"%s"}' % outcome.reason.encode()
        return Reply(body, b"application/json", 200 if outcome.reason == "duplicate" else 404, dropped=outcome.reason)
    return Reply(b'{"status":"ok"}', b"application/json")


CONVERSION_ENDPOINTS: dict[str, Callable[[LinkRequest], Reply]] = {
    "/conversion.aspx": serve_conversion,
    "/s2s": serve_server_to_server,
}
