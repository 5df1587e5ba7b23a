"""Known devices: filters are renewed before they are full, in this process and in Redis where there is one."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from django.conf import settings

from tracking.state import first_seen, shared_redis

SITE = 101_000_001


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Filters that are renewed after a hundred devices."""
    monkeypatch.setattr(first_seen, "CAPACITY", 100)
    first_seen.forget()
    yield
    first_seen.forget()


def devices(count: int, seed: int) -> list[int]:
    return [random.Random(f"{seed}-{number}").getrandbits(53) for number in range(count)]


def test_new_devices_are_recognized_as_new_however_many_there_are() -> None:
    came = devices(2_000, seed=1)
    assert [first_seen.register_device(SITE, device) for device in came] == [True] * 2_000
    assert [first_seen.register_device(SITE, device) for device in came[-300:]] == [False] * 300
    assert len(first_seen.get_filter().filters) == first_seen.MAX_FILTERS
    assert not first_seen.was_seen(SITE, came[0]), "who came before so many others is forgotten"


def test_a_returning_device_stays_known() -> None:
    regular = devices(1, seed=2)[0]
    first_seen.register_device(SITE, regular)
    for day in range(10):
        for device in devices(300, seed=3 + day):
            first_seen.register_device(SITE, device)
        assert not first_seen.register_device(SITE, regular), day
    assert first_seen.register_device(SITE + 1, regular), "on another site it is another device"


def test_a_lookup_does_not_mark_a_device_as_seen() -> None:
    assert not first_seen.was_seen(SITE, 7) and not first_seen.was_seen(SITE, 7)
    assert first_seen.register_device(SITE, 7) and first_seen.was_seen(SITE, 7)


@pytest.mark.skipif(bool(shared_redis.redis()), reason="Redis keeps them")
def test_filters_survive_a_restart_and_files_of_dropped_ones_are_deleted() -> None:
    came = devices(1_000, seed=20)
    for index, device in enumerate(came):
        first_seen.register_device(SITE, device)
        if index % 50 == 0:
            first_seen.save()
    first_seen.save()
    before = [(one.number, one.count) for one in first_seen.get_filter().filters]
    assert len(list(settings.DATA_DIR.glob("devices*.bits"))) <= first_seen.MAX_FILTERS
    first_seen._filters = None
    assert [(one.number, one.count) for one in first_seen.get_filter().filters] == [row for row in before if row[1]]
    assert all(first_seen.was_seen(SITE, device) for device in came[-400:])


def test_a_filter_that_an_earlier_version_filled_is_dropped() -> None:
    full = b"\xff" * first_seen.SIZE
    (settings.DATA_DIR / "devices.bits").write_bytes(full)
    shared_redis.run_or_none(lambda client: client.set(first_seen.NAME, full))
    assert first_seen.register_device(SITE, 5)


def test_a_full_filter_has_few_false_positives() -> None:
    """Of the real size: as many bits as CAPACITY devices set, by chance."""
    capacity = 8_000_000
    one = first_seen.BloomFilter(0)
    dice = random.Random(5)
    for _ in range(200_000):  # a fortieth of them; the rest of the bits as dense
        one.add([dice.getrandbits(first_seen.BITS) for _ in range(first_seen.PROBES)])
    share = one.set_bits() / (1 << first_seen.BITS)
    assert share == pytest.approx(1 - 2.718281828 ** (-first_seen.PROBES * 200_000 / (1 << first_seen.BITS)), rel=0.02)
    full = 1 - 2.718281828 ** (-first_seen.PROBES * capacity / (1 << first_seen.BITS))
    assert first_seen.MAX_FILTERS * full**first_seen.PROBES < 1 / 80
