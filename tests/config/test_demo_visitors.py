"""The demo's visitors are realistic: they return ever more rarely, and new ones keep coming."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from config.demo.traffic import CROWD_PERIOD, CROWD_SIZE, choose_person, generate_starts
from config.demo.world import REGULAR_INTERVAL, DemoPerson

NOW = datetime(2026, 3, 2, 20, 0, tzinfo=UTC)


def month() -> list[tuple[int, datetime]]:
    """(who, when) of every visit of a month."""
    dice = random.Random(3)
    crowd = [
        DemoPerson(ip=str(number), language="", user_agent="", screen="", cookie=str(number), tags={})
        for number in range(CROWD_SIZE)
    ]
    moments = generate_starts(NOW, 30, ZoneInfo("Europe/Berlin"), dice)
    return [(int(choose_person(crowd, 1 - (NOW - at) / CROWD_PERIOD, dice).ip), at) for at in moments]


def test_a_demo_customer_visits_a_few_times_a_week() -> None:
    weeks = Counter((who, at.isocalendar().week) for who, at in month() if who % REGULAR_INTERVAL == 0)
    often = sorted(weeks.values())
    assert often[-1] <= 14 and often[int(len(often) * 0.95)] <= 8
    assert 1 <= often[len(often) // 2] <= 4


def test_other_demo_visitors_return_ever_more_rarely_and_new_ones_keep_coming() -> None:
    visits = defaultdict(list)
    for who, at in month():
        if who % REGULAR_INTERVAL:
            visits[who].append(at)
    early = [times for times in visits.values() if min(times) < NOW - timedelta(days=21)]
    back = [
        sum(any(week <= (at - min(times)).days // 7 < week + 1 for at in times) for times in early) / len(early)
        for week in (1, 2)
    ]
    assert 0.5 > back[0] > back[1] > 0.01
    assert sum(min(times) > NOW - timedelta(days=7) for times in visits.values()) > 200
