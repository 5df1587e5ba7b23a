"""`GET /.well-known/host-proof`: what shows that a host leads to this installation (`accounts.white_label`)."""

from __future__ import annotations

from accounts.host_names import normalize_host
from accounts.white_label.host_proof import PROOF_PATH, build_proof
from config.health import send_response
from links.redirect.redirector import find_host
from tracking.web import Receive, Scope, Send


def matches(scope: Scope) -> bool:
    """Whether a request is for the proof."""
    return bool(scope["path"] == PROOF_PATH)


async def serve_proof(scope: Scope, receive: Receive, send: Send) -> None:
    """Respond with the proof of the host that was asked for."""
    if scope["method"] not in ("GET", "HEAD"):
        await send_response(scope, send, 405, b"", (b"allow", b"GET, HEAD"))
        return
    proof = build_proof(normalize_host(find_host(scope))).encode()
    await send_response(scope, send, 200, proof, (b"content-type", b"text/plain; charset=utf-8"))
