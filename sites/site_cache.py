"""In-memory cache of sites and keys, so that the hot path never waits for the database.

A thread (`start`) polls twice a second for the newest change number and loads only the rows that changed since; every
five minutes it loads all of them. While the database is unavailable, the cached rows stay in use.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.db.models import OuterRef, QuerySet, Subquery

from accounts.branding import build_tracker_names, list_brand_claims, list_tracking_hosts
from accounts.host_names import is_installation_host, normalize_host, toggle_www
from accounts.keys import hash_key
from accounts.models import Account, Purpose, VerificationMethod
from accounts.selectors import list_verified_claims
from sites.cache_refresher import DATABASE_ERRORS, CacheRefresher
from sites.hosts import HostIndex
from sites.models import ApiKey, Site, get_newest_change_number
from sites.site_config import KeyConfig, SiteConfig, build_key_config, build_site_config

FULL_RELOAD_SECONDS = 300.0
LAST_USED_SECONDS = 30.0
ACCOUNTS_SECONDS = 2.0
MAX_CACHED_RESULTS = 50_000  # of `find_account_site`


@dataclass(kw_only=True)
class SiteCache:
    """The cached rows. Dictionaries are written by one thread at a time and read by any."""

    change: int = -1  # -1: nothing was loaded yet
    sites: dict[int, SiteConfig] = field(default_factory=dict)
    verified_domains: HostIndex[str] = field(default_factory=HostIndex)
    account_hosts: HostIndex[tuple[int, str]] = field(default_factory=HostIndex)  # (account, host or `*` + suffix)
    # Of accounts that have others than the defaults
    account_limits: dict[int, Mapping[str, object]] = field(default_factory=dict)
    keys: dict[str, KeyConfig] = field(default_factory=dict)  # by hash
    # Results of `find_account_site`. Replaced when sites change, so that a result found meanwhile is not kept
    account_site_ids: dict[tuple[int, str], int | None] = field(default_factory=dict)
    brands: dict[str, str] = field(default_factory=dict)  # white-labelled host -> name of the tracker's globals
    tracking_hosts: frozenset[str] = frozenset()  # those of them that have no pages


_cache = SiteCache()
_loading = threading.Lock()
_last_used: dict[int, float] = {}  # key id -> Unix time that is not written to the database yet


def get_site(site_id: int) -> SiteConfig | None:
    """Return the site with this id; None if there is none or it is deleted."""
    return _get_loaded_cache().sites.get(site_id)


def find_account_limits(site_id: int) -> tuple[int, Mapping[str, object]]:
    """Return the account of a site and the limits it has of its own, by name; at most two seconds old.

    A number that is no site's is taken for an account's, as in the events of links.
    """
    cache = _get_loaded_cache()
    site = cache.sites.get(site_id)
    account_id = site.account_id if site else site_id
    return account_id, cache.account_limits.get(account_id, {})


def find_site_by_host(host: str) -> SiteConfig | None:
    """Find the site whose domain is `host`, with or without `www.`, if its account has verified the domain.

    For hits without a site id and key: only the account that has verified the domain receives them.
    """
    cache, name = _get_loaded_cache(), normalize_host(host)
    site_id = cache.verified_domains.find(name) or cache.verified_domains.find(toggle_www(name))
    return cache.sites.get(site_id) if site_id else None


def find_account_site(account_id: int, host: str) -> SiteConfig | None:
    """Find the account's oldest site whose pages may be on `host`: its domain, a subdomain, or an allowed host."""
    cache = _get_loaded_cache()
    results, key = cache.account_site_ids, (account_id, host)
    try:
        site_id = results[key]
    except KeyError:
        if len(results) >= MAX_CACHED_RESULTS:
            results.clear()
        site_id = results[key] = _find_account_site_id(cache, account_id, normalize_host(host))
    return cache.sites.get(site_id) if site_id else None


def _find_account_site_id(cache: SiteCache, account_id: int, host: str) -> int | None:
    site_id, name = cache.account_hosts.find((account_id, host)), host
    while site_id is None and name:
        site_id = cache.account_hosts.find((account_id, f"*{name}"))
        name = name.partition(".")[2]
    return site_id


def find_key(api_key: str, now: datetime | None = None) -> KeyConfig | None:
    """Find a plain `ck_` key and record its use; None if it does not exist, is revoked or has expired."""
    config = _get_loaded_cache().keys.get(hash_key(api_key))
    now = now or datetime.now(UTC)
    if config is None or (config.expires is not None and config.expires <= now):
        return None
    _last_used[config.key_id] = now.timestamp()
    return config


def find_brand_word(host: str) -> str:
    """Return the name of the tracker's globals on a white-labelled host; "" for every other host."""
    return _get_loaded_cache().brands.get(normalize_host(host), "")


def is_tracking_host(host: str) -> bool:
    """Whether a host (of any spelling) has a brand's scripts and beacons, but no pages."""
    return normalize_host(host) in _get_loaded_cache().tracking_hosts


def list_sites() -> list[SiteConfig]:
    """Return all sites, for tasks that process every one of them (rollups, retention, quota)."""
    return list(_get_loaded_cache().sites.values())


def refresh() -> None:
    """Load everything now. Raises Django's DatabaseError while the database is unavailable."""
    global _cache
    with _loading:
        loaded = SiteCache(change=get_newest_change_number())
        for site_row in _select_sites_with_verification(deleted=None):
            _add_site(loaded, build_site_config(site_row))
        for key_row in ApiKey.objects.filter(revoked=None):
            loaded.keys[key_row.hash] = build_key_config(key_row)
        _load_accounts(loaded)
        _cache = loaded


def refresh_accounts() -> None:
    """Load what belongs to accounts now, whose rows have no change number: white-labelled hosts and limits."""
    _load_accounts(_cache)


def load_changes() -> bool:
    """Load the rows that changed since the last load; returns whether there were any. Raises DatabaseError."""
    newest, cached = get_newest_change_number(), _cache.change
    if newest == cached:
        return False
    if cached < 0 or newest < cached:  # nothing was loaded yet, or the database was replaced by an older one
        refresh()
        return True
    with _loading:
        for site_row in _select_sites_with_verification(change__gt=cached):
            _remove_site(_cache, site_row.pk)
            if site_row.deleted is None:
                _add_site(_cache, build_site_config(site_row))
        for key_row in ApiKey.objects.filter(change__gt=cached):
            if key_row.revoked is None:
                _cache.keys[key_row.hash] = build_key_config(key_row)
            else:
                _cache.keys.pop(key_row.hash, None)
        _cache.change = newest
    return True


def write_last_used() -> None:
    """Write `last_used` of the keys that were used since the last call. Raises DatabaseError and keeps the rest."""
    while _last_used:
        key_id, used_at = _last_used.popitem()
        try:
            ApiKey.objects.filter(pk=key_id).update(last_used=datetime.fromtimestamp(used_at, UTC))
        except DATABASE_ERRORS:
            _last_used.setdefault(key_id, used_at)
            raise


def forget() -> None:
    """Empty the cache, as in a new process (for tests)."""
    global _cache
    _cache = SiteCache()
    _last_used.clear()


def _select_sites_with_verification(**conditions: object) -> QuerySet[Site]:
    """Select sites annotated with `domain_verification`, for `build_site_config`."""
    claims = list_verified_claims(Purpose.SITE).filter(account=OuterRef("account"), host=OuterRef("domain"))
    rows = Site.objects.filter(**conditions).select_related("account")
    return rows.annotate(domain_verification=Subquery(claims.values("verification_method")[:1]))


def _load_accounts(cache: SiteCache) -> None:
    claims = list_brand_claims()
    cache.brands, cache.tracking_hosts = build_tracker_names(claims), list_tracking_hosts(claims)
    rows = Account.objects.exclude(limits={}, plan_limits={}).values_list("pk", "plan_limits", "limits")
    cache.account_limits = {account_id: {**plan_limits, **own} for account_id, plan_limits, own in rows}


def _add_site(cache: SiteCache, config: SiteConfig) -> None:
    cache.sites[config.site_id] = config
    cache.account_hosts.add(_list_account_hosts(config), config.site_id)
    cache.account_site_ids = {}
    if _receives_keyless_hits(config):
        cache.verified_domains.add([config.domain], config.site_id)


def _remove_site(cache: SiteCache, site_id: int) -> None:
    config = cache.sites.pop(site_id, None)
    if config is not None:
        cache.account_hosts.remove(_list_account_hosts(config), site_id)
        cache.account_site_ids = {}
        cache.verified_domains.remove([config.domain], site_id)


def _list_account_hosts(config: SiteConfig) -> list[tuple[int, str]]:
    names = [*config.hosts.exact, *(f"*{suffix}" for suffix in config.hosts.suffixes)]
    return [(config.account_id, name) for name in names]


def _receives_keyless_hits(config: SiteConfig) -> bool:
    """Return whether the site's domain is verified; hosts of the installation itself need the operator's approval."""
    by_operator = config.domain_verification == VerificationMethod.OPERATOR
    return by_operator or (
        config.domain_verification == VerificationMethod.DNS and not is_installation_host(config.domain)
    )


def _get_loaded_cache() -> SiteCache:
    """Return the cache; a process that never started the thread loads it on the first query."""
    if _cache.change < 0:
        refresher.load(refresh)
    return _cache


refresher = CacheRefresher(
    "sites and keys",
    (
        (refresh, FULL_RELOAD_SECONDS),
        (load_changes, 0.0),
        (refresh_accounts, ACCOUNTS_SECONDS),
        (write_last_used, LAST_USED_SECONDS),
    ),
    at_end=write_last_used,
)
start = refresher.start
stop = refresher.stop
refresh_soon = refresher.refresh_soon
