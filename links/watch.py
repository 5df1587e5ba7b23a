"""Destinations that are watched: those of links in accounts with an alert on dead destinations.

Which ones is worked out anew each round. Each is asked every six hours, and ten minutes after a failure; it is dead
when it failed twice in a row. A server that only turns programs away (401, 403, 429) is not dead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from hashlib import sha256

from django.db import transaction

from links.known import domains_by_name
from links.loops import destinations, place_of
from links.models import Datapoint, Destination, Domain, Kind, Status
from sites.alerts.models import Alert
from sites.outbound import OutboundError, fetch_async
from sites.uptime.check import AGENT
from sites.uptime.models import Monitor
from sites.uptime.services import monitor_move

CONDITION = "link"
EVERY, AGAIN = timedelta(hours=6), timedelta(minutes=10)
MOST_LINKS = 2_000  # of one account: those made last
MOST_ADDRESSES = 10  # of one link
MOST_AT_ONCE, SIDE_BY_SIDE = 300, 30  # of one round
TIMEOUT, MOST_BYTES = 10.0, 2_000
TURNED_AWAY = frozenset({401, 403, 407, 429, 999})


def destinations_check(*, now: datetime) -> int:
    """One round: what is watched is brought up to date, what is due is asked; the number of addresses asked."""
    follow(now)
    due = claim_due(now)
    for destination, cause in asyncio.run(ask_all(due)):
        write_down(destination, cause, now)
    return len(due)


# -- what is watched ----------------------------------------------------------------------------------------------


def follow(now: datetime) -> None:
    """Watch every address of every active link of the accounts that asked for it, and nothing else."""
    accounts = Alert.objects.filter(condition=CONDITION, enabled=True, site__deleted=None)
    domains = domains_by_name()
    kept: list[int] = []
    for account_id in accounts.values_list("site__account_id", flat=True).distinct():
        links = Datapoint.objects.filter(account_id=account_id, kind=Kind.LINK, status=Status.ACTIVE)
        for link in links.order_by("-pk").prefetch_related("watched_destinations")[:MOST_LINKS]:
            kept += watch_link(link, domains, now)
    stale = set(Destination.objects.values_list("pk", flat=True)) - set(kept)
    for first in range(0, len(stale), 500):
        Destination.objects.filter(pk__in=sorted(stale)[first : first + 500]).delete()
    follow_monitors()


def watch_link(link: Datapoint, domains: dict[str, Domain], now: datetime) -> Iterable[int]:
    """The rows of the link's addresses, made where they are missing. Links to our own links are left to those."""
    asked = (url for url in destinations(link) if "[" not in url and place_of(url, domains) is None)
    addresses = list(dict.fromkeys(asked))[:MOST_ADDRESSES]
    known = {row.digest: row for row in link.watched_destinations.all()}
    rows = []
    for url in addresses:
        digest = sha256(url.encode()).hexdigest()
        row = known.get(digest)
        rows.append(row or Destination.objects.get_or_create(
            datapoint=link, digest=digest, defaults={"url": url, "next_due": now}
        )[0])  # fmt: skip
    return [row.pk for row in rows]


def follow_monitors() -> None:
    """A monitor made for a link asks where the link leads now; it rests while the link does."""
    monitors = {row.link_id: row for row in Monitor.objects.exclude(link_id=None)}
    for link in Datapoint.objects.filter(pk__in=list(monitors)):
        monitor, active = monitors[link.pk], link.status == Status.ACTIVE
        if link.url and (monitor.url, monitor.enabled) != (link.url, active):
            monitor_move(monitor=monitor, url=link.url[:2000], enabled=active)


# -- asking -------------------------------------------------------------------------------------------------------


def claim_due(now: datetime) -> list[Destination]:
    """What is due and now ours alone."""
    due = Destination.objects.filter(next_due__lte=now).order_by("next_due")[:MOST_AT_ONCE]
    return [row for row in due if claimed(row, now)]


def claimed(row: Destination, now: datetime) -> bool:
    mine = Destination.objects.filter(pk=row.pk, next_due=row.next_due)
    return bool(mine.update(next_due=now + AGAIN))  # a worker that dies leaves it to the round after the next


async def ask_all(rows: Sequence[Destination]) -> list[tuple[Destination, str]]:
    """Every row with what is wrong with it ("" = nothing)."""
    gate = asyncio.Semaphore(SIDE_BY_SIDE)

    async def one(row: Destination) -> tuple[Destination, str]:
        async with gate:
            return row, await problem(row.url)

    return list(await asyncio.gather(*(one(row) for row in rows)))


async def problem(url: str) -> str:
    """Why nobody finds anything at the address, as a sentence; "" when somebody does."""
    try:
        answer = await fetch_async(url, headers={"User-Agent": AGENT}, timeout=TIMEOUT, most_bytes=MOST_BYTES)
    except OutboundError as error:
        return str(error)
    return f"It answers {answer.status}." if answer.status >= 400 and answer.status not in TURNED_AWAY else ""


@transaction.atomic
def write_down(row: Destination, cause: str, now: datetime) -> None:
    """The verdict: a first failure is asked again soon, a second one is believed."""
    row.dead_since = (row.dead_since or row.first_failure) if cause else None
    row.first_failure = (row.first_failure or now) if cause else None
    row.checked, row.cause = now, cause[:200]
    row.next_due = now + (AGAIN if cause and not row.dead_since else EVERY)
    row.save(update_fields=["dead_since", "first_failure", "checked", "cause", "next_due"])
