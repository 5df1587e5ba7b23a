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
from links.facts import AccountFacts, ConversionFacts, DomainFacts, LinkFacts, account_site, link_facts
from links.models import Attached, Conversion, Datapoint, Domain, Entry, Listing, Script, Status
from sites import known as known_sites
from sites.facts import networks
from sites.fresh import Keeper
from sites.models import Change
from sites.quick import setting

WHOLE_SECONDS = 3600.0
LONGEST_WAIT = 2.0  # seconds that a request which wrote about links waits for them to be served
COLUMNS = (
    "pk", "account_id", "group_id", "group__redirect_only", "domain_id", "kind", "status", "alias", "alias_key",
    "url", "first_url", "mode", "rules", "redirect_type", "append_query", "encode_url", "hide_url",
    "hide_url_title", "referrer_clean", "password", "starts", "expiration_date", "url_after_date",
    "pause_after_date", "expiration_clicks", "url_after_clicks", "pause_after_clicks", "encode_ip", "light_tracking",
    "redirect_only", "cost",
)  # fmt: skip


@dataclass
class Memory:
    """All that is known; written by one thread, read by any."""

    change: int = -1
    links: dict[int, LinkFacts] = field(default_factory=dict)
    aliases: dict[tuple[int, str], int] = field(default_factory=dict)
    domains: dict[str, DomainFacts] = field(default_factory=dict)
    conversions: dict[int, ConversionFacts] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    scripts: dict[int, str] = field(default_factory=dict)
    accounts: dict[int, AccountFacts] = field(default_factory=dict)


_memory = Memory()
_loading = threading.Lock()
_written = threading.local()  # `links`: whether this thread's request wrote about links


def system_host() -> str:
    """The host whose aliases `/l/` means: LINK_DOMAIN, else the installation's own."""
    return _own_hosts(setting("LINK_DOMAIN"), setting("BASE_URL"))[0]


def is_installation_link_host(host: str) -> bool:
    """Whether `/l/<alias>` on this normalized host is a link of the installation's own domain."""
    return host in _own_hosts(setting("LINK_DOMAIN"), setting("BASE_URL"))


def has_link_domain() -> bool:
    """Whether the installation's own links have a host of their own, other than the dashboard's and the API's."""
    link_host, base = _own_hosts(setting("LINK_DOMAIN"), setting("BASE_URL"))
    return link_host != base and not is_api_host(link_host)


@lru_cache(maxsize=4)
def _own_hosts(link_domain: str, base_url: str) -> tuple[str, str]:
    base = host_name(base_url) or "localhost"
    return host_name(link_domain) or base, base


def domains_by_name(account_id: int | None = None) -> dict[str, Domain]:
    """Every link domain that is served; the former names of the installation's own mean that one.

    An account's domain is served if the account has proved it and it is no host of the installation. With `account_id`,
    domains of that account are included even if they are not proved yet.
    """
    found = _domains_of_accounts(account_id)
    rows = {row.name: row for row in Domain.objects.filter(account=None, deleted=None)}
    own = rows.get(system_host())
    return found | {name: own if own and row.former else row for name, row in rows.items()}


def _domains_of_accounts(account_id: int | None) -> dict[str, Domain]:
    claims = proved_claims(Purpose.LINKS).filter(account=OuterRef("account"), host=OuterRef("name"))
    proved = Q(Exists(claims)) if account_id is None else Q(Exists(claims)) | Q(account=account_id)
    rows = Domain.objects.filter(proved, account__isnull=False, deleted=None).order_by("created", "pk")
    mine_last = sorted(rows, key=lambda row: row.account_id == account_id)
    return {row.name: row for row in mine_last if not is_installation_host(row.name)}


def claim_changed(claim: HostClaim) -> None:
    """Reload the served domains once the change of a claim is committed."""
    transaction.on_commit(nudge)


def domain(host: str) -> DomainFacts | None:
    """The link domain of that host (any spelling, port ignored)."""
    return _loaded().domains.get(host_name(host))


def link(link_id: int) -> LinkFacts | None:
    """The link of that number unless it is deleted."""
    return _loaded().links.get(link_id)


def by_alias(domain_id: int, alias: str) -> LinkFacts | None:
    """The link an alias means on a domain, whatever its case."""
    memory = _loaded()
    found = memory.aliases.get((domain_id, alias.lower()))
    return memory.links.get(found) if found is not None else None


def by_path(host: str, path: str) -> LinkFacts | None:
    """The link behind an address: `/<alias>` on a link domain, `/l/<alias>` on every host that is ours."""
    if not path.startswith("/l/") and not is_link_domain(host):
        return None  # nearly all destinations
    own = domain(host) is not None or is_installation_link_host(host)
    if not own and not known_sites.brand_word(host):
        return None  # somebody else's page may be called /l/sale too
    found, alias = place(host, path)
    return by_alias(found.domain_id, alias) if found and alias else None


def is_link_domain(host: str) -> bool:
    """Whether links live on this host (in its normal form)."""
    return host in _loaded().domains


def place(host: str, path: str) -> tuple[DomainFacts | None, str]:
    """(link domain, alias) that an address names; (None, "") when it names neither."""
    own = domain(host)
    if path.startswith("/l/"):
        return own or domain(system_host()), path[3:].strip("/")
    if own is not None and rooted(own):
        return own, path.strip("/")
    return None, ""


def rooted(found: DomainFacts) -> bool:
    """Whether aliases stand at the root of this domain: not where the pages or the API of the installation live."""
    return _is_rooted(found.name, setting("BASE_URL"), tuple(setting("CLICKMETER_HOSTS")))


@lru_cache(maxsize=4096)
def _is_rooted(name: str, base_url: str, api_hosts: tuple[str, ...]) -> bool:  # settings are part of the cache key
    return not (is_dashboard_host(name) or is_api_host(name))


def conversion(conversion_id: int) -> ConversionFacts | None:
    return _loaded().conversions.get(conversion_id)


def by_code(code: str) -> ConversionFacts | None:
    """The conversion a page names by its 32 digits."""
    memory = _loaded()
    found = memory.codes.get(code.strip().upper())
    return memory.conversions.get(found) if found else None


def scripts(numbers: Iterable[int]) -> list[str]:
    """The retargeting snippets of those numbers."""
    memory = _loaded()
    return [memory.scripts[number] for number in numbers if number in memory.scripts]


def account(account_id: int) -> AccountFacts | None:
    return _loaded().accounts.get(account_id)


def all_links() -> list[LinkFacts]:
    return list(_loaded().links.values())


def refresh() -> None:
    """Read everything now. Raises Django's DatabaseError when the database is away."""
    global _memory
    with _loading:
        fresh = Memory(change=_newest())
        _learn_few(fresh)
        _learn_links(fresh, Datapoint.objects.exclude(status=Status.DELETED))
        _memory = fresh


def catch_up() -> bool:
    """Read what changed since the last time; True if something did. Raises DatabaseError."""
    newest, known = _newest(), _memory.change
    if newest == known:
        return False
    if known < 0 or newest < known:
        refresh()
        return True
    with _loading:
        _learn_few(_memory)
        _learn_links(_memory, Datapoint.objects.filter(change__gt=known))
        _memory.change = newest
    return True


def forget() -> None:
    """Know nothing, as in a fresh process (tests)."""
    global _memory
    _memory = Memory()


def _newest() -> int:
    return Change.objects.filter(pk=1).values_list("number", flat=True).first() or 0


def _learn_few(memory: Memory) -> None:
    memory.domains = {
        name: DomainFacts(row.pk, name, row.account_id or 0, row.custom_404, row.custom_homepage)
        for name, row in domains_by_name().items()
    }
    memory.conversions = {
        row.pk: ConversionFacts(
            row.pk, row.account_id, row.name, row.code, float(row.value), row.currency, row.window_days
        )
        for row in Conversion.objects.filter(deleted=None)
    }
    memory.codes = {facts.code: number for number, facts in memory.conversions.items()}
    memory.scripts = dict(Script.objects.values_list("pk", "script"))
    memory.accounts = _accounts()


def _accounts() -> dict[int, AccountFacts]:
    listed: dict[tuple[int, str], list[str]] = {}
    for account_id, listing, value in Entry.objects.values_list("account_id", "listing", "value"):
        listed.setdefault((account_id, listing), []).append(value)
    return {
        pk: AccountFacts(
            account_site(pk, zone, over, "keep"),
            account_site(pk, zone, over, "truncate"),
            networks(listed.get((pk, Listing.BLACKLIST), ())),
            frozenset(listed.get((pk, Listing.WHITELIST), ())),
        )
        for pk, zone, over in Account.objects.values_list("pk", "timezone", "over_quota")
    }


def _learn_links(memory: Memory, queryset: Any) -> None:
    conversions = _pairs(Attached.objects.filter(datapoint__in=queryset).order_by("position"), "conversion_id")
    scripts = _pairs(Datapoint.scripts.through.objects.filter(datapoint__in=queryset), "script_id")
    for row in queryset.values(*COLUMNS).iterator(chunk_size=5000):
        pk, place = row["pk"], (row["domain_id"], row["alias_key"])
        if row["status"] == Status.DELETED:
            memory.links.pop(pk, None)
            memory.aliases.pop(place, None)
            continue
        memory.links[pk] = link_facts(row, conversions.get(pk, ()), scripts.get(pk, ()))
        memory.aliases[place] = pk


def _pairs(queryset: Any, column: str) -> dict[int, tuple[int, ...]]:
    found: dict[int, tuple[int, ...]] = {}
    for datapoint, other in queryset.values_list("datapoint_id", column):
        found[datapoint] = (*found.get(datapoint, ()), other)
    return found


def _loaded() -> Memory:
    """The memory; a process that never started the thread reads everything on its first question."""
    if _memory.change < 0:
        keeper.load(refresh)
    return _memory


def nudge() -> None:
    """Something about links was committed: learn it at once."""
    _written.links = True
    keeper.nudge()


def forget_writes() -> None:
    """Begin a request: nothing was written in it."""
    _written.links = False


def wait_for_writes() -> None:
    """End a request: if it wrote about links, wait until this process serves what it wrote, for LONGEST_WAIT at most.

    Other processes learn it within half a second.
    """
    if getattr(_written, "links", False):
        _written.links = False
        keeper.wait_for_nudges(LONGEST_WAIT)


keeper = Keeper("links", ((refresh, WHOLE_SECONDS), (catch_up, 0.0)))
start, stop = keeper.start, keeper.stop
