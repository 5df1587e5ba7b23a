"""A link must not lead back to itself, also not by way of others, nor be nested deeper than a click follows."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError

from accounts.host_names import host_name
from links.choose import DEEPEST
from links.known import domains_by_name, is_installation_link_host, rooted, system_host
from links.models import Datapoint, Domain, Status
from links.rulebook import addresses

Place = tuple[int, str]  # domain, alias in lower case


def destinations(row: Datapoint) -> Iterator[str]:
    """Every address the link can send somebody to."""
    yield from (url for url in (row.url, row.first_url, row.url_after_date, row.url_after_clicks) if url)
    yield from addresses(row.rules or {})


def places(row: Datapoint, domains: dict[str, Domain]) -> set[Place]:
    """Which of our own links it leads to."""
    found = (place_of(url, domains) for url in destinations(row))
    return {place for place in found if place is not None}


def place_of(url: str, domains: dict[str, Domain]) -> Place | None:
    """Which of our own links an address is; None for any other address."""
    parts = urlsplit(url)
    host, path = host_name(parts.hostname or ""), parts.path
    domain = domains.get(host)
    if path.startswith("/l/"):
        own = is_installation_link_host(host) or domain is not None
        domain, path = (domain or domains.get(system_host())) if own else None, path[2:]
    elif domain is not None and not rooted(domain):  # type: ignore[arg-type]
        domain = None
    alias = path.strip("/").lower()
    return (domain.pk, alias) if domain is not None and alias else None


def refuse_loops(row: Datapoint) -> None:
    """Raise ValidationError when following the link could come back to it or go too deep."""
    domains = domains_by_name(row.account_id)
    here: Place = (row.domain_id, row.alias.lower())
    layer = places(row, domains)
    seen: set[Place] = set()
    for _ in range(DEEPEST):
        if here in layer:
            raise ValidationError({"url": "This link would lead back to itself."})
        layer -= seen
        if not layer:
            return
        seen |= layer
        nested = Datapoint.objects.filter(alias_key__in=[alias for _, alias in layer]).exclude(status=Status.DELETED)
        following = (places(other, domains) for other in nested if (other.domain_id, other.alias_key) in layer)
        layer = set().union(*following)
    if layer:
        raise ValidationError({"url": f"Links may be nested {DEEPEST - 1} deep; this one goes deeper."})
