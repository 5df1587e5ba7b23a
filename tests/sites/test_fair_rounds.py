"""Parallel work for many accounts: every account has a share, and none waits for the slowest."""

import asyncio
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Account
from accounts.operations.task_runs import run_guarded
from config.periodic_tasks import PERIODIC_TASKS
from sites.alerts import deliveries
from sites.fair_rounds import FinishedJob, Job, Slots, choose_rows, run_fair_round
from sites.services import site_create
from sites.uptime import scheduler
from sites.uptime.models import Monitor

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def rows_of(counts: list[int]) -> list[tuple[tuple[int, int], int, int]]:
    """Waiting rows (key, account, rank), as the database ranks them: every account's first one first."""
    rows = [((account, rank), account, rank) for account, count in enumerate(counts) for rank in range(1, count + 1)]
    return sorted(rows, key=lambda row: row[2])


@given(
    st.lists(st.integers(0, 30), max_size=8),
    st.integers(1, 20),
    st.integers(1, 8),
    st.lists(st.integers(0, 8), max_size=8),
)
def test_slots_are_shared_between_accounts(
    counts: list[int], total: int, per_account: int, under_way: list[int]
) -> None:
    slots = Slots(total, per_account)
    for account, count in enumerate(under_way):
        for number in range(count):
            slots.occupy(Job(account, ("old", account, number), None))
    chosen = slots.choose(rows_of(counts))
    given_to = Counter(account for _, account in chosen)
    assert len(chosen) <= max(0, slots.free)
    for account, count in enumerate(counts):
        holds = slots.in_use[account] + given_to[account]
        assert not given_to[account] or holds <= per_account
        if given_to[account] < min(count, max(0, per_account - slots.in_use[account])):  # it wanted more
            assert len(chosen) == max(0, slots.free)
            others = [slots.in_use[other] + got for other, got in given_to.items() if got]
            assert all(other <= holds + 1 for other in others)


def test_finished_results_are_stored_while_others_are_running() -> None:
    written, may_end = list[Any](), threading.Event()

    async def work(item: Any) -> Any:
        if item == "slow":
            await asyncio.to_thread(may_end.wait, 20)
        return item

    def claim(slots: Slots, at: datetime, first: list[bool] = [True]) -> list[Job[Any]]:  # noqa: B006
        return [Job(1, "slow", "slow"), Job(2, "quick", "quick")] if first and first.pop() else []

    def write(done: list[FinishedJob[Any, Any]]) -> None:
        written.extend(one.result for one in done)
        may_end.set()  # a round that waited for the slow one would end after 20 seconds, with another order

    assert run_fair_round(claim=claim, work=work, write=write, slots=Slots(5, 5), seconds=60, now=NOW) == 2
    assert written == ["quick", "slow"]


def test_failing_work_does_not_stop_a_round() -> None:
    written: list[Any] = []

    async def work(item: Any) -> Any:
        if item == 1:
            raise RuntimeError("boom")
        return item

    def claim(slots: Slots, at: datetime, left: list[list[int]] = [[1, 2, 3]]) -> list[Job[Any]]:  # noqa: B006
        return [Job(1, item, item) for item in (left.pop() if left else [])]

    def write(done: list[FinishedJob[Any, Any]]) -> None:
        written.extend(one.result for one in done)

    assert run_fair_round(claim=claim, work=work, write=write, slots=Slots(5, 5), seconds=60, now=NOW) == 3
    assert sorted(written) == [2, 3]


def test_due_rows_are_selected_from_all_accounts_in_turn(db: None) -> None:
    counts = {"big": 40, "small": 2, "other": 5}
    for name, count in counts.items():
        site = site_create(account=Account.objects.create(name=name), domain=f"{name}.example")
        rows = [
            Monitor(site=site, url="https://x.example/", next_due=NOW - timedelta(hours=count)) for _ in range(count)
        ]
        Monitor.objects.bulk_create(rows)
    names = dict(Account.objects.values_list("pk", "name"))
    due = Monitor.objects.filter(next_due__lte=NOW)
    turn = choose_rows(due, "site__account_id", "next_due", Slots(12, 10))
    assert Counter(names[account] for _, account in turn) == {"big": 5, "small": 2, "other": 5}
    assert [names[account] for _, account in turn[:3]] == ["big", "other", "small"]
    turn = choose_rows(due, "site__account_id", "next_due", Slots(100, 10))
    assert Counter(names[account] for _, account in turn) == {"big": 10, "small": 2, "other": 5}


def test_the_next_round_starts_while_the_previous_one_waits_for_slow_servers(db: None) -> None:
    """Between the two nothing that is due waits: the next one may begin before the last one stops to claim."""
    rows = {row.name: row for row in PERIODIC_TASKS}
    for name, module in (("uptime", scheduler), ("deliveries", deliveries)):
        longest, began = timedelta(seconds=rows[name].max_seconds), list[bool]()
        assert rows[name].max_seconds + rows[name].seconds <= module.ROUND_SECONDS

        def first(name: str = name, longest: timedelta = longest, began: list[bool] = began) -> None:
            for after in (timedelta(seconds=5), longest):
                began.append(run_guarded(name, lambda: None, now=NOW + after, max_duration=longest))

        assert run_guarded(name, first, now=NOW, max_duration=longest)
        assert began == [False, True]
        assert run_guarded(name, lambda: None, now=NOW + longest, max_duration=longest)
