"""Which link is this alias, which conversion this code? Answered from memory, also while the database is away.

A thread asks twice a second for the newest change number (the one `sites` counts) and reads only the links that
changed; domains, conversions, scripts and lists are few and read whole. Everything anew once an hour.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from accounts.custom_domains.models import HostClaim, Purpose
from accounts.custom_domains.reserved import is_api_host, is_dashboard_host, is_installation_host
from accounts.custom_domains.selectors import proved_claims
from accounts.host_names import host_name
from accounts.models import Account
from links.facts import (
    AccountLinkConfig,
    ConversionSnapshot,
    DomainSnapshot,
    LinkSnapshot,
    build_account_site,
    build_link_snapshot,
)
from links.models import Attached, Conversion, Datapoint, Domain, Entry, Listing, Script, Status
from sites import known as known_sites
from sites.facts import networks
from sites.fresh import Keeper
from sites.models import Change
from sites.quick import setting

FULL_RELOAD_SECONDS = 3600.0
MAX_WAIT_SECONDS = 2.0  # seconds that a request which wrote about links waits for them to be served
LINK_COLUMNS = (
    "pk", "account_id", "group_id", "group__redirect_only", "domain_id", "kind", "status", "alias", "alias_key",
    "url", "first_url", "mode", "rules", "redirect_type", "append_query", "encode_url", "hide_url",
    "hide_url_title", "referrer_clean", "password", "starts", "expiration_date", "url_after_date",
    "pause_after_date", "expiration_clicks", "url_after_clicks", "pause_after_clicks", "encode_ip", "light_tracking",
    "redirect_only", "cost",
)  # fmt: skip


@dataclass
class LinkCache:
    """All that is known; written by one thread, read by any."""

    change: int = -1
    links: dict[int, LinkSnapshot] = field(default_factory=dict)
    aliases: dict[tuple[int, str], int] = field(default_factory=dict)
    domains: dict[str, DomainSnapshot] = field(default_factory=dict)
    conversions: dict[int, ConversionSnapshot] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    scripts: dict[int, str] = field(default_factory=dict)
    accounts: dict[int, AccountLinkConfig] = field(default_factory=dict)


_cache = LinkCache()
_reload_lock = threading.Lock()
_thread_writes = threading.local()  # `links`: whether this thread's request wrote about links


def system_host() -> str:
    """The host whose aliases `/l/` means: LINK_DOMAIN, else the installation's own."""
    return _installation_hosts(setting("LINK_DOMAIN"), setting("BASE_URL"))[0]


def is_installation_link_host(host: str) -> bool:
    """Whether `/l/<alias>` on this normalized host is a link of the installation's own domain."""
    return host in _installation_hosts(setting("LINK_DOMAIN"), setting("BASE_URL"))


def has_link_domain() -> bool:
    """Whether the installation's own links have a host of their own, other than the dashboard's and the API's."""
    link_host, base = _installation_hosts(setting("LINK_DOMAIN"), setting("BASE_URL"))
    return link_host != base and not is_api_host(link_host)


@lru_cache(maxsize=4)
def _installation_hosts(link_domain: str, base_url: str) -> tuple[str, str]:
    base = host_name(base_url) or "localhost"
    return host_name(link_domain) or base, base


def load_domains_by_name(account_id: int | None = None) -> dict[str, Domain]:
    """Every link domain that is served; the former names of the installation's own mean that one.

    An account's domain is served if the account has proved it and it is no host of the installation. With `account_id`,
    domains of that account are included even if they are not proved yet.
    """
    domains = _load_account_domains(account_id)
    rows = {row.name: row for row in Domain.objects.filter(account=None, deleted=None)}
    own = rows.get(system_host())
    return domains | {name: own if own and row.is_former else row for name, row in rows.items()}


def _load_account_domains(account_id: int | None) -> dict[str, Domain]:
    claims = proved_claims(Purpose.LINKS).filter(account=OuterRef("account"), host=OuterRef("name"))
    proved = Q(Exists(claims)) if account_id is None else Q(Exists(claims)) | Q(account=account_id)
    rows = Domain.objects.filter(proved, account__isnull=False, deleted=None).order_by("created", "pk")
    mine_last = sorted(rows, key=lambda row: row.account_id == account_id)
    return {row.name: row for row in mine_last if not is_installation_host(row.name)}


def claim_changed(claim: HostClaim) -> None:
    """Reload the served domains once the change of a claim is committed."""
    transaction.on_commit(refresh_soon)


def domain(host: str) -> DomainSnapshot | None:
    """The link domain of that host (any spelling, port ignored)."""
    return _loaded_cache().domains.get(host_name(host))


def link(link_id: int) -> LinkSnapshot | None:
    """The link of that number unless it is deleted."""
    return _loaded_cache().links.get(link_id)


def by_alias(domain_id: int, alias: str) -> LinkSnapshot | None:
    """The link an alias means on a domain, whatever its case."""
    cache = _loaded_cache()
    link_id = cache.aliases.get((domain_id, alias.lower()))
    return cache.links.get(link_id) if link_id is not None else None


def find_link_by_path(host: str, path: str) -> LinkSnapshot | None:
    """The link behind an address: `/<alias>` on a link domain, `/l/<alias>` on every host that is ours."""
    if not path.startswith("/l/") and not is_link_domain(host):
        return None  # nearly all destinations
    own = domain(host) is not None or is_installation_link_host(host)
    if not own and not known_sites.brand_word(host):
        return None  # somebody else's page may be called /l/sale too
    domain_snapshot, alias = resolve_address(host, path)
    return by_alias(domain_snapshot.domain_id, alias) if domain_snapshot and alias else None


def is_link_domain(host: str) -> bool:
    """Whether links live on this host (in its normal form)."""
    return host in _loaded_cache().domains


def resolve_address(host: str, path: str) -> tuple[DomainSnapshot | None, str]:
    """(link domain, alias) that an address names; (None, "") when it names neither."""
    own = domain(host)
    if path.startswith("/l/"):
        return own or domain(system_host()), path[3:].strip("/")
    if own is not None and has_root_aliases(own):
        return own, path.strip("/")
    return None, ""


def has_root_aliases(domain: DomainSnapshot) -> bool:
    """Whether aliases stand at the root of this domain: not where the pages or the API of the installation live."""
    return _is_rooted(domain.name, setting("BASE_URL"), tuple(setting("CLICKMETER_HOSTS")))


@lru_cache(maxsize=4096)
def _is_rooted(name: str, base_url: str, api_hosts: tuple[str, ...]) -> bool:  # settings are part of the cache key
    return not (is_dashboard_host(name) or is_api_host(name))


def find_conversion(conversion_id: int) -> ConversionSnapshot | None:
    return _loaded_cache().conversions.get(conversion_id)


def find_conversion_by_code(code: str) -> ConversionSnapshot | None:
    """The conversion a page names by its 32 digits."""
    cache = _loaded_cache()
    conversion_id = cache.codes.get(code.strip().upper())
    return cache.conversions.get(conversion_id) if conversion_id else None


def find_scripts(numbers: Iterable[int]) -> list[str]:
    """The retargeting snippets of those numbers."""
    cache = _loaded_cache()
    return [cache.scripts[number] for number in numbers if number in cache.scripts]


def find_account(account_id: int) -> AccountLinkConfig | None:
    return _loaded_cache().accounts.get(account_id)


def list_links() -> list[LinkSnapshot]:
    return list(_loaded_cache().links.values())


def refresh() -> None:
    """Read everything now. Raises Django's DatabaseError when the database is away."""
    global _cache
    with _reload_lock:
        new_cache = LinkCache(change=_newest_change())
        _load_small_tables(new_cache)
        _load_links(new_cache, Datapoint.objects.exclude(status=Status.DELETED))
        _cache = new_cache


def catch_up() -> bool:
    """Read what changed since the last time; True if something did. Raises DatabaseError."""
    newest, loaded = _newest_change(), _cache.change
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
    """Know nothing, as in a fresh process (tests)."""
    global _cache
    _cache = LinkCache()


def _newest_change() -> int:
    return Change.objects.filter(pk=1).values_list("number", flat=True).first() or 0


def _load_small_tables(cache: LinkCache) -> None:
    cache.domains = {
        name: DomainSnapshot(row.pk, name, row.account_id or 0, row.custom_404, row.custom_homepage)
        for name, row in load_domains_by_name().items()
    }
    cache.conversions = {
        row.pk: ConversionSnapshot(
            row.pk, row.account_id, row.name, row.code, float(row.value), row.currency, row.window_days
        )
        for row in Conversion.objects.filter(deleted=None)
    }
    cache.codes = {conversion.code: number for number, conversion in cache.conversions.items()}
    cache.scripts = dict(Script.objects.values_list("pk", "script"))
    cache.accounts = _load_accounts()


def _load_accounts() -> dict[int, AccountLinkConfig]:
    entries: dict[tuple[int, str], list[str]] = {}
    for account_id, listing, value in Entry.objects.values_list("account_id", "listing", "value"):
        entries.setdefault((account_id, listing), []).append(value)
    return {
        pk: AccountLinkConfig(
            build_account_site(pk, zone, over, "keep"),
            build_account_site(pk, zone, over, "truncate"),
            networks(entries.get((pk, Listing.BLACKLIST), ())),
            frozenset(entries.get((pk, Listing.WHITELIST), ())),
        )
        for pk, zone, over in Account.objects.values_list("pk", "timezone", "over_quota")
    }


def _load_links(cache: LinkCache, queryset: Any) -> None:
    conversions = _group_by_link(Attached.objects.filter(datapoint__in=queryset).order_by("position"), "conversion_id")
    scripts = _group_by_link(Datapoint.scripts.through.objects.filter(datapoint__in=queryset), "script_id")
    for row in queryset.values(*LINK_COLUMNS).iterator(chunk_size=5000):
        pk, place = row["pk"], (row["domain_id"], row["alias_key"])
        if row["status"] == Status.DELETED:
            cache.links.pop(pk, None)
            cache.aliases.pop(place, None)
            continue
        cache.links[pk] = build_link_snapshot(row, conversions.get(pk, ()), scripts.get(pk, ()))
        cache.aliases[place] = pk


def _group_by_link(queryset: Any, column: str) -> dict[int, tuple[int, ...]]:
    grouped: dict[int, tuple[int, ...]] = {}
    for datapoint, other in queryset.values_list("datapoint_id", column):
        grouped[datapoint] = (*grouped.get(datapoint, ()), other)
    return grouped


def _loaded_cache() -> LinkCache:
    """The memory; a process that never started the thread reads everything on its first question."""
    if _cache.change < 0:
        refresher.load(refresh)
    return _cache


def refresh_soon() -> None:
    """Something about links was committed: learn it at once."""
    _thread_writes.links = True
    refresher.nudge()


def forget_writes() -> None:
    """Begin a request: nothing was written in it."""
    _thread_writes.links = False


def wait_for_writes() -> None:
    """End a request: if it wrote about links, wait until this process serves what it wrote, for LONGEST_WAIT at most.

    Other processes learn it within half a second.
    """
    if getattr(_thread_writes, "links", False):
        _thread_writes.links = False
        refresher.wait_for_nudges(MAX_WAIT_SECONDS)


refresher = Keeper("links", ((refresh, FULL_RELOAD_SECONDS), (catch_up, 0.0)))
start, stop = refresher.start, refresher.stop
