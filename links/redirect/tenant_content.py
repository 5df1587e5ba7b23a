"""Which content of its account (scripts, iframes) a link may display, depending on the host on which it is opened.

On a link domain that the account has verified, content is not restricted. On the link domain that all accounts share
it is sandboxed, without forms. On hosts of the dashboard, of white labels and of the API a link only redirects, because
people would mistake its content for the dashboard.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from accounts.host_names import normalize_host
from links.models import Domain
from links.routing import link_cache
from links.routing.snapshot import DomainSnapshot

MAX_NAMED_HOSTS = 5  # in one sentence


class TenantContent(Enum):
    """How much content of an account a host may display."""

    FREE = "free"
    SANDBOXED = "sandboxed"
    NONE = "none"


MESSAGES = {
    TenantContent.FREE: "On {host}, retargeting scripts and hidden destinations work without restrictions.",
    TenantContent.SANDBOXED: (
        "On {host}, which all accounts share, retargeting scripts run without cookies, and hidden destinations "
        "without forms and pop-ups."
    ),
    TenantContent.NONE: (
        "On {host}, a link only redirects: retargeting scripts do not run and the destination is not hidden. "
        "Use a link domain of your own for that."
    ),
}


def find_allowed_content(domain: DomainSnapshot, account_id: int, host: str) -> TenantContent:
    """Find what a link of the account on `domain` may display when opened at the Host header `host`."""
    name = normalize_host(host)
    if link_cache.find_domain(name) != domain or not link_cache.has_root_aliases(domain):
        return TenantContent.NONE  # `/l/<alias>` on a host that is not the link's domain
    if domain.account_id:
        return TenantContent.FREE if domain.account_id == account_id else TenantContent.NONE
    return TenantContent.SANDBOXED


def find_domain_content(row: Domain) -> TenantContent:
    """Find what links on a domain may display once the domain is verified."""
    if row.account_id:
        return TenantContent.FREE
    return TenantContent.SANDBOXED if link_cache.has_link_domain() else TenantContent.NONE


def join_names(names: list[str]) -> str:
    """Join names for a sentence: `a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def build_content_messages(rows: Iterable[Domain]) -> list[str]:
    """Build the link editor's notes on the domains that can be chosen, one sentence for all that behave alike."""
    hosts: dict[TenantContent, list[str]] = {}
    for row in rows:
        hosts.setdefault(find_domain_content(row), []).append(row.name)
    return [
        MESSAGES[content].format(
            host=join_names(names[:MAX_NAMED_HOSTS] + (["others"] if names[MAX_NAMED_HOSTS:] else []))
        )
        for content, names in hosts.items()
    ]
