"""Detection of links that lead back to themselves, also through others, or are nested too deep."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError

from accounts.host_names import normalize_host
from links.models import Datapoint, Domain, Status
from links.routing.engine import MAX_HOPS
from links.routing.link_cache import get_system_host, has_root_aliases, is_installation_link_host, load_domains_by_name
from links.routing.rules import list_destinations

LinkAddress = tuple[int, str]  # domain, alias in lower case


def list_link_destinations(row: Datapoint) -> list[str]:
    """Return every URL the link can redirect to."""
    urls = filter(None, (row.url, row.first_url, row.url_after_date, row.url_after_clicks))
    return [*urls, *(list_destinations(row.rules) if row.rules else ())]


def find_nested_links(row: Datapoint, domains: dict[str, Domain]) -> set[LinkAddress]:
    """Find the links of this installation that the link leads to."""
    addresses: set[LinkAddress] = set()
    for url in list_link_destinations(row):
        if address := find_nested_link(url, domains):
            addresses.add(address)
    return addresses


def are_on_link_hosts(urls: Iterable[str]) -> bool:
    """Return whether any of the URLs is on a host of links; most are not, and then no domain needs to be loaded."""
    hosts = set()
    for url in urls:
        hosts.add(normalize_host(urlsplit(url).hostname or ""))
    if any(map(is_installation_link_host, hosts)):
        return True
    return Domain.objects.filter(name__in=hosts, deleted=None).exists()


def find_nested_link(url: str, domains: dict[str, Domain]) -> LinkAddress | None:
    """Find which link of this installation a URL is; None for any other URL."""
    parts = urlsplit(url)
    host, path = normalize_host(parts.hostname or ""), parts.path
    domain = domains.get(host)
    if path.startswith("/l/"):
        own = is_installation_link_host(host) or domain is not None
        domain, path = (domain or domains.get(get_system_host())) if own else None, path[2:]
    elif domain is not None and not has_root_aliases(domain):  # type: ignore[arg-type]
        domain = None
    alias = path.strip("/").lower()
    return (domain.pk, alias) if domain is not None and alias else None


def check_loops(row: Datapoint) -> None:
    """Raise ValidationError if following the link could come back to it or go deeper than MAX_HOPS."""
    if not are_on_link_hosts(list_link_destinations(row)):
        return
    domains = load_domains_by_name(row.account_id)
    own_address: LinkAddress = (row.domain_id, row.alias.lower())
    layer = find_nested_links(row, domains)
    visited: set[LinkAddress] = set()
    for _ in range(MAX_HOPS):
        if own_address in layer:
            raise ValidationError({"url": "This link would lead back to itself."})
        layer -= visited
        if not layer:
            return
        visited |= layer
        nested = Datapoint.objects.filter(alias_key__in=[alias for _, alias in layer]).exclude(status=Status.DELETED)
        following = (
            find_nested_links(other, domains) for other in nested if (other.domain_id, other.alias_key) in layer
        )
        layer = set().union(*following)
    if layer:
        raise ValidationError({"url": f"Links may be nested {MAX_HOPS - 1} deep; this one goes deeper."})
