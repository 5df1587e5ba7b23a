"""Which site is this, which key is that? Answered from memory, so that the hot path waits for no database.

A thread (`start`) asks twice a second for the newest change number, reads only what changed after the one it
knows, and everything anew every five minutes. While the database is away the old answers stay.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime

from accounts.brand import brand_words
from accounts.keys import key_hash
from sites.facts import KeyFacts, SiteFacts, key_facts, site_facts
from sites.fresh import AWAY, Keeper
from sites.hosts import host_name
from sites.models import ApiKey, Change, Site

WHOLE_SECONDS = 300.0
USED_SECONDS = 30.0
BRANDS_SECONDS = 2.0


@dataclass
class Memory:
    """All that is known. Dictionaries are written by one thread at a time and read by any."""

    change: int = -1  # -1: nothing was ever read
    sites: dict[int, SiteFacts] = field(default_factory=dict)
    hosts: dict[str, int] = field(default_factory=dict)
    keys: dict[str, KeyFacts] = field(default_factory=dict)
    brands: dict[str, str] = field(default_factory=dict)


_memory = Memory()
_loading = threading.Lock()
_used: dict[int, float] = {}  # key id -> Unix time, not yet written to the database


def site(site_id: int) -> SiteFacts | None:
    """The site of this number, unless it is unknown or deleted."""
    return _loaded().sites.get(site_id)


def site_by_host(host: str) -> SiteFacts | None:
    """The oldest site whose domain is `host` or the nearest name above it (without `www.` and port)."""
    memory = _loaded()
    name = host_name(host).removeprefix("www.")
    while name:
        if (found := memory.hosts.get(name)) is not None:
            return memory.sites.get(found)
        name = name.partition(".")[2]
    return None


def key(api_key: str, now: datetime | None = None) -> KeyFacts | None:
    """What a plain `ck_` key opens, unless it is unknown, revoked or expired. Notes that it was used."""
    found = _loaded().keys.get(key_hash(api_key))
    now = now or datetime.now(UTC)
    if found is None or (found.expires is not None and found.expires <= now):
        return None
    _used[found.key_id] = now.timestamp()
    return found


def brand_word(host: str) -> str:
    """The word of a white-labelled host's globals in the tracker; empty for every other host."""
    return _loaded().brands.get(host_name(host), "")


def all_sites() -> list[SiteFacts]:
    """Every known site, for work that goes over all of them (rollups, retention, quota)."""
    return list(_loaded().sites.values())


def refresh() -> None:
    """Read everything now. Raises Django's DatabaseError when the database is away."""
    global _memory
    with _loading:
        fresh = Memory(change=_newest())
        for row in Site.objects.filter(deleted=None).select_related("account").order_by("-pk"):
            _learn_site(fresh, site_facts(row))
        for row_key in ApiKey.objects.filter(revoked=None):
            fresh.keys[row_key.hash] = key_facts(row_key)
        fresh.brands = brand_words()
        _memory = fresh


def refresh_brands() -> None:
    """Read the white-labelled hosts now: they belong to accounts, whose rows carry no change number."""
    _memory.brands = brand_words()


def catch_up() -> bool:
    """Read what changed since the last time; True if something did. Raises DatabaseError."""
    newest, known = _newest(), _memory.change
    if newest == known:
        return False
    if known < 0 or newest < known:  # never read, or the database was replaced by an older one
        refresh()
        return True
    with _loading:
        for row in Site.objects.filter(change__gt=known).select_related("account").order_by("-pk"):
            _forget_host(row.pk)
            if row.deleted is None:
                _learn_site(_memory, site_facts(row))
            else:
                _memory.sites.pop(row.pk, None)
        for row_key in ApiKey.objects.filter(change__gt=known):
            if row_key.revoked is None:
                _memory.keys[row_key.hash] = key_facts(row_key)
            else:
                _memory.keys.pop(row_key.hash, None)
        _memory.change = newest
    return True


def write_used() -> None:
    """Write `last_used` of the keys shown since the last time. On a DatabaseError keeps and raises."""
    while _used:
        key_id, seen = _used.popitem()
        try:
            ApiKey.objects.filter(pk=key_id).update(last_used=datetime.fromtimestamp(seen, UTC))
        except AWAY:
            _used.setdefault(key_id, seen)
            raise


def forget() -> None:
    """Know nothing, as in a fresh process (tests)."""
    global _memory
    _memory = Memory()
    _used.clear()


def _newest() -> int:
    return Change.objects.filter(pk=1).values_list("number", flat=True).first() or 0


def _learn_site(memory: Memory, facts: SiteFacts) -> None:
    memory.sites[facts.site_id] = facts
    host = facts.domain.removeprefix("www.")
    if host and memory.hosts.get(host, facts.site_id) >= facts.site_id:
        memory.hosts[host] = facts.site_id


def _forget_host(site_id: int) -> None:
    """Give the host of a changed site back, to the next oldest site of the same name if there is one."""
    old = _memory.sites.pop(site_id, None)
    host = old.domain.removeprefix("www.") if old else ""
    if old is None or _memory.hosts.get(host) != site_id:
        return
    del _memory.hosts[host]
    for other in list(_memory.sites.values()):
        if other.domain.removeprefix("www.") == host:
            _learn_site(_memory, other)


def _loaded() -> Memory:
    """The memory; a process that never started the thread reads everything on its first question."""
    if _memory.change < 0:
        keeper.load(refresh)
    return _memory


keeper = Keeper(
    "sites and keys",
    ((refresh, WHOLE_SECONDS), (catch_up, 0.0), (refresh_brands, BRANDS_SECONDS), (write_used, USED_SECONDS)),
    at_end=write_used,
)
start, stop, nudge = keeper.start, keeper.stop, keeper.nudge
