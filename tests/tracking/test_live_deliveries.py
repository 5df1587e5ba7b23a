"""How many events reach live views in a second, and how many views at a time."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from itertools import pairwise

from django.utils import timezone

from accounts.models import Account
from sites.models import Site
from tests.support import event
from tracking import live


def test_the_events_of_a_second_that_many_streams_would_carry_are_limited_by_account(
    account: Account, site: Site, charlies_site: Site
) -> None:
    live.reopen()
    assert [live.may_deliver(site.pk, 250, second=1) for _ in range(5)] == [True] * 4 + [False]
    assert not live.may_deliver(account.pk, 1, second=1), "its links' events count, too"
    assert live.may_deliver(charlies_site.pk, 250, second=1)
    assert live.may_deliver(site.pk, 250, second=2)
    assert sum(live.may_deliver(site.pk, 1, second=3) for _ in range(1_000)) == 100


async def test_an_event_wakes_up_few_of_many_viewers_at_a_time(site: Site) -> None:
    woken = list[int]()

    async def read(number: int) -> None:
        async with aclosing(live.subscribe(site.pk)) as events:
            await anext(events)
            woken.append(number)

    live.reopen()
    readers = [asyncio.create_task(read(number)) for number in range(3 * live.MAX_WOKEN)]
    await asyncio.sleep(0)
    live.publish(event(site, "/seen", at=timezone.now()))
    counts = list[int]()
    while not all(reader.done() for reader in readers):
        await asyncio.sleep(0)
        counts.append(len(woken))
    await asyncio.gather(*readers)
    assert max(after - before for before, after in pairwise([0, *counts])) <= live.MAX_WOKEN
    assert sorted(woken) == list(range(len(readers)))
