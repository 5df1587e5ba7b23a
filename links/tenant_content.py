"""What of an account's own making a link may show in the browser, by the host it is opened on.

Scripts and frames run freely on a link domain that the account has proved to be its own. On the link domain that all
accounts share they run in a sandbox without forms. On the hosts of the dashboard, of white labels and of the API a
link only redirects: what is shown there, people take for the dashboard.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from accounts.host_names import host_name
from links import known
from links.facts import DomainFacts
from links.models import Domain

MAX_NAMED = 5  # hosts in one sentence


class TenantContent(Enum):
    """How much of an account's own content a host shows."""

    FREE = "free"
    SANDBOXED = "sandboxed"
    NONE = "none"


SENTENCES = {
    TenantContent.FREE: "On {host}, retargeting scripts and hidden destinations work without limits.",
    TenantContent.SANDBOXED: (
        "On {host}, which all accounts share, retargeting scripts run without cookies, and hidden destinations "
        "without forms and pop-ups."
    ),
    TenantContent.NONE: (
        "On {host}, a link only redirects: retargeting scripts do not run and the destination is not hidden. "
        "Use a link domain of your own for that."
    ),
}


def content_allowed(domain: DomainFacts, account_id: int, host: str) -> TenantContent:
    """What a link of the account on `domain` may show, opened at the Host header `host`."""
    name = host_name(host)
    if known.domain(name) != domain or not known.rooted(domain):
        return TenantContent.NONE  # `/l/<alias>` on a host that is not the link's domain
    if domain.account_id:
        return TenantContent.FREE if domain.account_id == account_id else TenantContent.NONE
    return TenantContent.SANDBOXED


def content_of_links_on(row: Domain) -> TenantContent:
    """What links of a domain's account may show at their own address; a domain still to be proved counts as proved."""
    if row.account_id:
        return TenantContent.FREE
    return TenantContent.SANDBOXED if known.has_link_domain() else TenantContent.NONE


def listed(names: list[str]) -> str:
    """Names as a sentence has them: `a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def content_sentences(rows: Iterable[Domain]) -> list[str]:
    """What the link editor says about the domains that can be chosen: a sentence for all that are alike."""
    hosts: dict[TenantContent, list[str]] = {}
    for row in rows:
        hosts.setdefault(content_of_links_on(row), []).append(row.name)
    return [
        SENTENCES[content].format(host=listed(names[:MAX_NAMED] + (["others"] if names[MAX_NAMED:] else [])))
        for content, names in hosts.items()
    ]
