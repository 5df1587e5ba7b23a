"""Which site is this, which key is that? Answered from memory, so that the hot path waits for no database.

A thread (`start`) asks twice a second for the newest change number, reads only what changed after the one it
knows, and everything anew every five minutes. While the database is away the old answers stay.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery

from accounts.brand import brand_words
from accounts.custom_domains.models import Proof, Purpose
from accounts.custom_domains.reserved import is_installation_host
from accounts.custom_domains.selectors import proved_claims
from accounts.host_names import host_name, other_www_form
from accounts.keys import key_hash
from sites.facts import KeyFacts, SiteFacts, key_facts, site_facts
from sites.fresh import AWAY, Keeper
from sites.host_index import HostIndex
from sites.models import ApiKey, Change, Site

WHOLE_SECONDS = 300.0
USED_SECONDS = 30.0
BRANDS_SECONDS = 2.0


@dataclass
class Memory:
    """All that is known. Dictionaries are written by one thread at a time and read by any."""

    change: int = -1  # -1: nothing was ever read
    sites: dict[int, SiteFacts] = field(default_factory=dict)
    proved_domains: HostIndex[str] = field(default_factory=HostIndex)
    account_hosts: HostIndex[tuple[int, str]] = field(
        default_factory=HostIndex
    )  # (account id, allowed host or `*` + suffix)
    keys: dict[str, KeyFacts] = field(default_factory=dict)
    brands: dict[str, str] = field(default_factory=dict)


_memory = Memory()
_loading = threading.Lock()
_used: dict[int, float] = {}  # key id -> Unix time, not yet written to the database


def site(site_id: int) -> SiteFacts | None:
    """The site of this number, unless it is unknown or deleted."""
    return _loaded().sites.get(site_id)


def site_by_host(host: str) -> SiteFacts | None:
    """The site whose domain is `host`, with or without `www.`, if its account has proved the domain.

    For hits without a site id and key: they go only to the account that has proved the domain.
    """
    memory, name = _loaded(), host_name(host)
    found = memory.proved_domains.find(name) or memory.proved_domains.find(other_www_form(name))
    return memory.sites.get(found) if found else None


def site_of_account(account_id: int, host: str) -> SiteFacts | None:
    """The account's oldest site whose pages may be on `host`: its domain, a subdomain, or an allowed host."""
    memory, name = _loaded(), host_name(host)
    found = memory.account_hosts.find((account_id, name))
    while found is None and name:
        found = memory.account_hosts.find((account_id, f"*{name}"))
        name = name.partition(".")[2]
    return memory.sites.get(found) if found else None


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
        for row in _sites_with_proof(deleted=None):
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
        for row in _sites_with_proof(change__gt=known):
            _forget_site(_memory, row.pk)
            if row.deleted is None:
                _learn_site(_memory, site_facts(row))
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


def _sites_with_proof(**conditions: Any) -> QuerySet[Site]:
    """Sites annotated with `domain_proof`, for `site_facts`."""
    claims = proved_claims(Purpose.SITE).filter(account=OuterRef("account"), host=OuterRef("domain"))
    rows = Site.objects.filter(**conditions).select_related("account")
    return rows.annotate(domain_proof=Subquery(claims.values("proof")[:1]))


def _learn_site(memory: Memory, facts: SiteFacts) -> None:
    memory.sites[facts.site_id] = facts
    memory.account_hosts.add(_hosts_of(facts), facts.site_id)
    if _receives_keyless_hits(facts):
        memory.proved_domains.add([facts.domain], facts.site_id)


def _forget_site(memory: Memory, site_id: int) -> None:
    facts = memory.sites.pop(site_id, None)
    if facts is not None:
        memory.account_hosts.remove(_hosts_of(facts), site_id)
        memory.proved_domains.remove([facts.domain], site_id)


def _hosts_of(facts: SiteFacts) -> list[tuple[int, str]]:
    names = [*facts.hosts.exact, *(f"*{tree}" for tree in facts.hosts.suffixes)]
    return [(facts.account_id, name) for name in names]


def _receives_keyless_hits(facts: SiteFacts) -> bool:
    """Whether the site's domain is proved; a host of the installation itself needs the operator's approval."""
    by_operator = facts.domain_proof == Proof.OPERATOR
    return by_operator or (facts.domain_proof == Proof.DNS and not is_installation_host(facts.domain))


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
