"""The link cache: links, domains and conversions in memory, so that a click needs no database.

A thread compares the newest change number (which `sites.models.VersionedModel` increases) twice a second and reloads
only the links that changed. Domains, conversions, scripts and lists are few and reloaded completely. Once an hour
everything is reloaded.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

from django.db import transaction
from django.db.models import Exists, Model, OuterRef, Q, QuerySet

from accounts.fast_settings import get_setting
from accounts.host_names import is_api_host, is_dashboard_host, is_installation_host, normalize_host
from accounts.models import Account, HostClaim, Purpose
from accounts.security.client_ip import parse_networks
from accounts.selectors import list_verified_claims
from links.models import Conversion, Datapoint, Domain, LinkConversion, ListEntry, ListKind, Script, Status
from links.routing.snapshot import (
    LINK_COLUMNS,
    AccountLinkConfig,
    ConversionSnapshot,
    DomainSnapshot,
    LinkSnapshot,
    build_account_site,
    build_link_snapshot,
)
from sites import site_cache
from sites.cache_refresher import CacheRefresher
from sites.models import get_newest_change_number

FULL_RELOAD_SECONDS = 3600.0
MAX_WAIT_SECONDS = 2.0  # seconds that a request which wrote about links waits for them to be served


@dataclass(kw_only=True)
class LinkCache:
    """Everything the redirector needs. One thread writes it, any thread reads it."""

    change: int = -1
    links: dict[int, LinkSnapshot] = field(default_factory=dict)
    aliases: dict[tuple[int, str], int] = field(default_factory=dict)
    linking_accounts: set[int] = field(default_factory=set)  # accounts that have or had links
    domains: dict[str, DomainSnapshot] = field(default_factory=dict)
    conversions: dict[int, ConversionSnapshot] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    scripts: dict[int, str] = field(default_factory=dict)
    accounts: dict[int, AccountLinkConfig] = field(default_factory=dict)


_cache = LinkCache()
_reload_lock = threading.Lock()
_thread_writes = threading.local()  # `links`: whether this thread's request wrote links


def get_system_host() -> str:
    """Return the host of the installation's own links: LINK_DOMAIN, else the dashboard's host."""
    return _list_installation_hosts(get_setting("LINK_DOMAIN"), get_setting("BASE_URL"))[0]


def is_installation_link_host(host: str) -> bool:
    """Return whether `/l/<alias>` on this normalized host is a link of the installation's own domain."""
    return host in _list_installation_hosts(get_setting("LINK_DOMAIN"), get_setting("BASE_URL"))


def has_link_domain() -> bool:
    """Return whether the installation's links have a host other than the dashboard's and the API's."""
    link_host, base = _list_installation_hosts(get_setting("LINK_DOMAIN"), get_setting("BASE_URL"))
    return link_host != base and not is_api_host(link_host)


@lru_cache(maxsize=4)
def _list_installation_hosts(link_domain: str, base_url: str) -> tuple[str, str]:
    """Return (link host, dashboard host) of the installation."""
    base = normalize_host(base_url) or "localhost"
    return normalize_host(link_domain) or base, base


def load_domains_by_name(account_id: int | None = None) -> dict[str, Domain]:
    """Load every link domain that is served, by name; former names of the installation's own domain map to that one.

    An account's domain is served if the account has verified it and it is not a host of the installation. With
    `account_id`, domains of that account are included even if they are not verified yet.
    """
    domains = _load_account_domains(account_id)
    rows = {row.name: row for row in Domain.objects.filter(account=None, deleted=None)}
    own = rows.get(get_system_host())
    return domains | {name: own if own and row.is_former else row for name, row in rows.items()}


def _load_account_domains(account_id: int | None) -> dict[str, Domain]:
    """Load the verified domains of accounts by name; the account's own last, so that they win."""
    claims = list_verified_claims(Purpose.LINKS).filter(account=OuterRef("account"), host=OuterRef("name"))
    served = Q(Exists(claims)) if account_id is None else Q(Exists(claims)) | Q(account=account_id)
    rows = Domain.objects.filter(served, account__isnull=False, deleted=None).order_by("created", "pk")
    mine_last = sorted(rows, key=lambda row: row.account_id == account_id)
    return {row.name: row for row in mine_last if not is_installation_host(row.name)}


def reload_after_claim_change(claim: HostClaim) -> None:
    """Reload the served domains once the change of a claim is committed."""
    transaction.on_commit(refresh_soon)


def find_domain(host: str) -> DomainSnapshot | None:
    """Find the link domain of a host (any case, port ignored)."""
    return _get_loaded_cache().domains.get(normalize_host(host))


def find_link(link_id: int) -> LinkSnapshot | None:
    """Find a link by its id, unless it is deleted."""
    return _get_loaded_cache().links.get(link_id)


def find_link_by_alias(domain_id: int, alias: str) -> LinkSnapshot | None:
    """Find a link by its domain and alias, ignoring case."""
    cache = _get_loaded_cache()
    link_id = cache.aliases.get((domain_id, alias.lower()))
    return cache.links.get(link_id) if link_id is not None else None


def find_link_by_path(host: str, path: str) -> LinkSnapshot | None:
    """Find the link behind an address: `/<alias>` on a link domain, `/l/<alias>` on every host of the installation."""
    if not path.startswith("/l/") and not is_link_domain(host):
        return None  # the case of nearly all destinations, so it is decided first
    own = find_domain(host) is not None or is_installation_link_host(host)
    if not own and not site_cache.find_brand_word(host):
        return None  # another site may have a page /l/sale too
    domain_snapshot, alias = resolve_address(host, path)
    return find_link_by_alias(domain_snapshot.domain_id, alias) if domain_snapshot and alias else None


def is_link_domain(host: str) -> bool:
    """Return whether this normalized host is a link domain."""
    return host in _get_loaded_cache().domains


def resolve_address(host: str, path: str) -> tuple[DomainSnapshot | None, str]:
    """Split an address into (link domain, alias); (None, "") if it is not the address of a link."""
    own = find_domain(host)
    if path.startswith("/l/"):
        return own or find_domain(get_system_host()), path[3:].strip("/")
    if own is not None and has_root_aliases(own):
        return own, path.strip("/")
    return None, ""


def has_root_aliases(link_domain: DomainSnapshot) -> bool:
    """Return whether aliases are served at the root of this domain, which the dashboard or the API may occupy."""
    return _is_rooted(link_domain.name, get_setting("BASE_URL"), tuple(get_setting("CLICKMETER_HOSTS")))


@lru_cache(maxsize=4096)
def _is_rooted(name: str, base_url: str, api_hosts: tuple[str, ...]) -> bool:  # settings are part of the cache key
    return not (is_dashboard_host(name) or is_api_host(name))


def find_conversion(conversion_id: int) -> ConversionSnapshot | None:
    return _get_loaded_cache().conversions.get(conversion_id)


def find_conversion_by_code(code: str) -> ConversionSnapshot | None:
    """Find a conversion by the code of 32 hexadecimal digits that pages send."""
    cache = _get_loaded_cache()
    conversion_id = cache.codes.get(code.strip().upper())
    return cache.conversions.get(conversion_id) if conversion_id else None


def find_scripts(numbers: Iterable[int]) -> list[str]:
    """Find the source of the retargeting scripts with these ids; unknown ids are skipped."""
    cache = _get_loaded_cache()
    return [cache.scripts[number] for number in numbers if number in cache.scripts]


def find_account(account_id: int) -> AccountLinkConfig | None:
    return _get_loaded_cache().accounts.get(account_id)


def has_links(account_id: int) -> bool:
    """Return whether this process serves links of an account; False while it has not loaded any."""
    return account_id in _cache.linking_accounts


def list_links() -> list[LinkSnapshot]:
    return list(_get_loaded_cache().links.values())


def refresh() -> None:
    """Reload everything. Raises DatabaseError while the database is unavailable."""
    global _cache
    with _reload_lock:
        new_cache = LinkCache(change=get_newest_change_number())
        _load_small_tables(new_cache)
        _load_links(new_cache, Datapoint.objects.exclude(status=Status.DELETED))
        _cache = new_cache


def load_changes() -> bool:
    """Load what changed since the last call; return whether something did. Raises DatabaseError."""
    newest, loaded = get_newest_change_number(), _cache.change
    if newest == loaded:
        return False
    if loaded < 0 or newest < loaded:
        refresh()
        return True
    with _reload_lock:
        _load_small_tables(_cache)
        _load_links(_cache, Datapoint.objects.filter(change__gt=loaded))
        _cache.change = newest
    return True


def forget() -> None:
    """Empty the cache, as in a new process (for tests)."""
    global _cache
    _cache = LinkCache()


def _load_small_tables(cache: LinkCache) -> None:
    """Reload what is few: domains, conversions, scripts and accounts."""
    cache.domains = {
        name: DomainSnapshot(
            domain_id=row.pk,
            name=name,
            account_id=row.account_id or 0,
            custom_404=row.custom_404,
            custom_homepage=row.custom_homepage,
        )
        for name, row in load_domains_by_name().items()
    }
    cache.conversions = {
        row.pk: ConversionSnapshot(
            conversion_id=row.pk,
            account_id=row.account_id,
            name=row.name,
            code=row.code,
            value=float(row.value),
            currency=row.currency,
            window_days=row.window_days,
        )
        for row in Conversion.objects.filter(deleted=None)
    }
    cache.codes = {conversion.code: number for number, conversion in cache.conversions.items()}
    cache.scripts = dict(Script.objects.values_list("pk", "script"))
    cache.accounts = _load_accounts()


def _load_accounts() -> dict[int, AccountLinkConfig]:
    entries: dict[tuple[int, str], list[str]] = {}
    for account_id, listing, value in ListEntry.objects.values_list("account_id", "listing", "value"):
        entries.setdefault((account_id, listing), []).append(value)
    now = datetime.now(UTC)
    return {
        account.pk: AccountLinkConfig(
            build_account_site(account, "keep", now),
            build_account_site(account, "truncate", now),
            parse_networks(tuple(entries.get((account.pk, ListKind.BLACKLIST), ()))),
            frozenset(entries.get((account.pk, ListKind.WHITELIST), ())),
        )
        for account in Account.objects.only("timezone", "over_quota", "suspended", "collection_ends")
    }


def _load_links(cache: LinkCache, queryset: QuerySet[Datapoint]) -> None:
    """Load these links into the cache, and remove those that were deleted."""
    conversions = _group_by_link(
        LinkConversion.objects.filter(datapoint__in=queryset).order_by("position"), "conversion_id"
    )
    scripts = _group_by_link(Datapoint.scripts.through.objects.filter(datapoint__in=queryset), "script_id")
    for row in queryset.values(*LINK_COLUMNS).iterator(chunk_size=5000):
        pk, place = row["pk"], (row["domain_id"], row["alias_key"])
        if row["status"] == Status.DELETED:
            cache.links.pop(pk, None)
            cache.aliases.pop(place, None)
            continue
        cache.links[pk] = build_link_snapshot(row, conversions.get(pk, ()), scripts.get(pk, ()))
        cache.aliases[place] = pk
        cache.linking_accounts.add(row["account_id"])


def _group_by_link(queryset: QuerySet[Model], column: str) -> dict[int, tuple[int, ...]]:
    """Group the values of a column by link."""
    grouped: dict[int, tuple[int, ...]] = {}
    for datapoint, other in queryset.values_list("datapoint_id", column):
        grouped[datapoint] = (*grouped.get(datapoint, ()), other)
    return grouped


def _get_loaded_cache() -> LinkCache:
    """Return the cache; a process without the refresher thread loads everything on the first call."""
    if _cache.change < 0:
        refresher.load(refresh)
    return _cache


def refresh_soon() -> None:
    """Reload at once after a commit that changed links."""
    _thread_writes.links = True
    refresher.refresh_soon()


def wait_for_writes() -> None:
    """Wait, if this thread wrote links since its last request, until this process serves them.

    That takes at most MAX_WAIT_SECONDS. Other processes serve them within half a second.
    """
    if getattr(_thread_writes, "links", False):
        _thread_writes.links = False
        refresher.wait_until_refreshed(MAX_WAIT_SECONDS)


refresher = CacheRefresher("links", ((refresh, FULL_RELOAD_SECONDS), (load_changes, 0.0)))
start, stop = refresher.start, refresher.stop
