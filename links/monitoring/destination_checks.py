"""Checks of destinations, for accounts with an alert on dead destinations.

Each round first updates which destinations are watched. A destination is checked every six hours, and ten minutes
after a failure; after two failures in a row it is dead. Statuses by which servers reject bots (401, 403, 429) are not
failures.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256

from django.db import transaction

from accounts.notices.kinds import DESTINATION_DEAD, NoticeValues
from accounts.notices.services import notify
from accounts.run_each import run_each
from links.models import Datapoint, DatapointKind, Destination, Domain, Status
from links.routing.link_cache import load_domains_by_name
from links.routing.loop_check import find_nested_link, list_link_destinations
from sites.alerts.models import Alert
from sites.fair_rounds import FinishedJob, Job, Slots, choose_rows, run_fair_round
from sites.outbound import OutboundError, OutboundNotSent, fetch_async
from sites.uptime.checks import USER_AGENT
from sites.uptime.models import Monitor
from sites.uptime.services import monitor_url_set

CONDITION = "link"
CHECK_INTERVAL, RETRY_INTERVAL = timedelta(hours=6), timedelta(minutes=10)
CLAIM_DURATION = timedelta(minutes=1)  # afterwards a destination whose worker died is due again
MAX_LINKS = 2_000  # of one account: the newest
MAX_ADDRESSES = 10  # of one link
MAX_RUNNING, MAX_PER_ACCOUNT = 30, 10
ROUND_SECONDS = 240.0
TIMEOUT, MAX_BYTES = 10.0, 2_000
BOT_REJECTION_STATUSES = frozenset({401, 403, 407, 429, 999})


def destinations_check(*, now: datetime) -> int:
    """Run one round: update the watched destinations, then check those that are due; return how many were checked."""
    update_watched_destinations(now)

    def write(done: list[FinishedJob[Destination, str | None]]) -> None:
        run_each(
            done, lambda finished_job: store_result(finished_job.job.item, finished_job.result, now), what="Destination"
        )

    return run_fair_round(
        claim=lambda slots, at: claim_due(slots, now, at + CLAIM_DURATION), work=check_destination, write=write,
        slots=Slots(MAX_RUNNING, MAX_PER_ACCOUNT), seconds=ROUND_SECONDS, now=now,
    )  # fmt: skip


# -- what is watched ----------------------------------------------------------------------------------------------


def update_watched_destinations(now: datetime) -> None:
    """Watch exactly the destinations of active links in accounts with the alert enabled. If the destinations of a link
    cannot be determined, its present ones stay."""
    accounts = Alert.objects.filter(condition=CONDITION, enabled=True, site__deleted=None)
    domains = load_domains_by_name()
    watched: set[int] = set()
    for account_id in accounts.values_list("site__account_id", flat=True).distinct():
        links = Datapoint.objects.filter(account_id=account_id, kind=DatapointKind.LINK, status=Status.ACTIVE)
        chosen = list(links.order_by("-pk").prefetch_related("watched_destinations")[:MAX_LINKS])
        read = dict(run_each(chosen, lambda link: (link.pk, watch_link(link, domains, now)), what="Link"))
        for link in chosen:
            watched.update(
                read.get(link.pk) or [row.pk for row in link.watched_destinations.all() if link.pk not in read]
            )
    stale = set(Destination.objects.values_list("pk", flat=True)) - watched
    for first in range(0, len(stale), 500):
        Destination.objects.filter(pk__in=sorted(stale)[first : first + 500]).delete()
    update_link_monitors()


def watch_link(link: Datapoint, domains: dict[str, Domain], now: datetime) -> Iterable[int]:
    """Return the ids of the rows of the link's destinations, created where missing. Links of this installation are left
    out, since they have their own."""
    urls = (url for url in list_link_destinations(link) if "[" not in url and find_nested_link(url, domains) is None)
    addresses = list(dict.fromkeys(urls))[:MAX_ADDRESSES]
    existing = {row.digest: row for row in link.watched_destinations.all()}
    rows = []
    for url in addresses:
        digest = sha256(url.encode()).hexdigest()
        row = existing.get(digest)
        rows.append(row or Destination.objects.get_or_create(
            datapoint=link, digest=digest, defaults={"url": url, "next_due": now}
        )[0])  # fmt: skip
    return [row.pk for row in rows]


def update_link_monitors() -> None:
    """Update monitors made for links: they follow the link's destination, and pause while it is not active."""
    monitors = {row.link_id: row for row in Monitor.objects.exclude(link_id=None)}
    linked = Monitor.objects.exclude(link_id=None).values("link_id")
    for link in Datapoint.objects.filter(pk__in=linked):
        monitor, active = monitors.get(link.pk), link.status == Status.ACTIVE
        if monitor is None:  # made since the line above
            continue
        if link.url and (monitor.url, monitor.enabled) != (link.url, active):
            monitor_url_set(monitor=monitor, url=link.url[:2000], enabled=active)


# -- asking -------------------------------------------------------------------------------------------------------


def claim_due(slots: Slots, now: datetime, until: datetime) -> list[Job[Destination]]:
    """Claim due destinations, as many as there are slots, until a time by which they have been checked."""
    due = Destination.objects.filter(next_due__lte=now)
    positions = dict(choose_rows(due, "datapoint__account_id", "next_due", slots))
    rows = (row for row in due.filter(pk__in=list(positions)) if claim_destination(row, until))
    return [Job(positions[row.pk], row.pk, row) for row in rows]


def claim_destination(row: Destination, until: datetime) -> bool:
    """Claim a destination by compare-and-swap; return False if another worker has it."""
    mine = Destination.objects.filter(pk=row.pk, next_due=row.next_due)
    return bool(mine.update(next_due=until))


async def check_destination(row: Destination) -> str | None:
    """Check a destination; return what is wrong, "" if nothing is, None if the request could not be sent."""
    try:
        return await find_problem(row.url)
    except OutboundNotSent:
        return None


async def find_problem(url: str) -> str:
    """Find why a URL does not work, as a sentence; "" if it does. Raises OutboundNotSent."""
    try:
        answer = await fetch_async(url, headers={"User-Agent": USER_AGENT}, timeout=TIMEOUT, max_bytes=MAX_BYTES)
    except OutboundNotSent:
        raise
    except OutboundError as error:
        return str(error)
    return (
        f"It answers {answer.status}." if answer.status >= 400 and answer.status not in BOT_REJECTION_STATUSES else ""
    )


@transaction.atomic
def store_result(row: Destination, cause: str | None, now: datetime) -> None:
    """Store the result of a check: after the first failure it is checked again soon, after the second it is dead. If
    the request could not be sent, the state stays."""
    if cause is None:
        Destination.objects.filter(pk=row.pk).update(next_due=now + CHECK_INTERVAL)
        return
    was_dead = row.dead_since is not None
    row.dead_since = (row.dead_since or row.first_failure) if cause else None
    row.first_failure = (row.first_failure or now) if cause else None
    row.checked, row.cause = now, cause[:200]
    row.next_due = now + (RETRY_INTERVAL if cause and not row.dead_since else CHECK_INTERVAL)
    row.save(update_fields=["dead_since", "first_failure", "checked", "cause", "next_due"])
    if row.dead_since is not None and not was_dead:
        notify_of_dead_destination(row, now)


def notify_of_dead_destination(row: Destination, now: datetime) -> None:
    """Tell the team, and guests who may change the link, that a destination is dead; one that flaps once a day."""
    link = row.datapoint
    about = [("datapoint", link.pk), *([("group", link.group_id)] if link.group_id else [])]
    values: NoticeValues = {
        "link": link.title or link.alias, "url": row.url, "cause": row.cause, "link_id": link.pk,
    }  # fmt: skip
    notify(DESTINATION_DEAD, values, account=link.account, about=about, key=f"{row.pk}:{now:%Y-%m-%d}")
