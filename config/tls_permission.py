"""`GET /internal/tls-allowed?domain=HOST`: whether a proxy may get a certificate for a host (Caddy's on-demand TLS).

It says yes (200) only to hosts that are proved: the installation's own, and those of white labels and link domains that
their account has verified. Anybody may send any name in a TLS handshake, so a yes to more than these would let
strangers use up what the certificate authority grants. It answers from memory: the proxy asks in the middle of a
handshake, also while the database is away.

Only programs on this machine and trusted proxies may ask; for all others the address does not exist.
"""

from __future__ import annotations

from urllib.parse import parse_qs

from accounts.host_names import is_public_host, list_installation_hosts, normalize_host
from accounts.security.client_ip import is_trusted_proxy
from config.health import is_on_this_machine, is_proxy_header, send_response
from links.routing import link_cache
from sites import site_cache
from tracking.web import Receive, Scope, Send

PATH = "/internal/tls-allowed"
MAX_QUERY_BYTES = 1_000


def matches(scope: Scope) -> bool:
    """Whether a request is the question of a proxy, not one that the proxy passed on."""
    return scope["path"] == PATH and is_asked_by_proxy(scope)


def is_asked_by_proxy(scope: Scope) -> bool:
    """Whether a request comes from a program on this machine or a trusted proxy, and on nobody else's behalf."""
    if is_on_this_machine(scope):
        return True
    address, _ = scope.get("client") or ("", 0)
    return is_trusted_proxy(address) and not any(is_proxy_header(name) for name, _ in scope["headers"])


async def serve_permission(scope: Scope, receive: Receive, send: Send) -> None:
    """Respond with 200 if a certificate may be issued for the host, else with 404."""
    if scope["method"] not in ("GET", "HEAD"):
        await send_response(scope, send, 405, b"", (b"allow", b"GET, HEAD"))
        return
    is_allowed = is_certificate_allowed(read_host(scope.get("query_string", b"")))
    body = b"yes\n" if is_allowed else b"This host is not proved.\n"
    await send_response(scope, send, 200 if is_allowed else 404, body, (b"content-type", b"text/plain; charset=utf-8"))


def read_host(query: bytes) -> str:
    """Read the one host that is asked about; "" for anything else."""
    hosts = parse_qs(query[:MAX_QUERY_BYTES].decode("ascii", "replace")).get("domain", [])
    return hosts[0].lower() if len(hosts) == 1 else ""


def is_certificate_allowed(host: str) -> bool:
    """Whether a certificate may be issued for a host, given as browsers send it: no port, IDNA-encoded."""
    if not is_public_host(host) or host != normalize_host(host):
        return False
    is_own = host in list_installation_hosts()  # names below them are nobody's
    return is_own or bool(site_cache.find_brand_word(host)) or link_cache.is_link_domain(host)
