"""Known devices: filters are renewed before they are full, in this process and in Redis where there is one."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tracking.state import first_seen
from tracking.state.first_seen import FirstSeenFilter, hash_bits

SITE = 101_000_001


@pytest.fixture
def filters(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FirstSeenFilter:
    """Filters that are renewed after a hundred devices."""
    monkeypatch.setattr(first_seen, "CAPACITY", 100)
    return FirstSeenFilter(tmp_path)


def devices(count: int, seed: int) -> list[tuple[int, ...]]:
    return [hash_bits(SITE, random.Random(f"{seed}-{number}").getrandbits(53)) for number in range(count)]


def test_new_devices_are_recognized_as_new_however_many_there_are(filters: FirstSeenFilter) -> None:
    came = devices(2_000, seed=1)
    assert [filters.register(device) for device in came] == [True] * 2_000
    assert [filters.register(device) for device in came[-300:]] == [False] * 300
    assert len(filters.filters) == first_seen.MAX_FILTERS
    assert not filters.has(came[0]), "who came before so many others is forgotten"


def test_a_returning_device_stays_known(filters: FirstSeenFilter) -> None:
    filters.register(hash_bits(SITE, 2))
    for day in range(10):
        for device in devices(300, seed=3 + day):
            filters.register(device)
        assert not filters.register(hash_bits(SITE, 2)), day
    assert filters.register(hash_bits(SITE + 1, 2)), "on another site it is another device"


def test_a_lookup_does_not_mark_a_device_as_seen(filters: FirstSeenFilter) -> None:
    device = hash_bits(SITE, 7)
    assert not filters.has(device) and not filters.has(device)
    assert filters.register(device) and filters.has(device)


def test_filters_survive_a_restart_and_files_of_dropped_ones_are_deleted(filters: FirstSeenFilter) -> None:
    came = devices(1_000, seed=20)
    for index, device in enumerate(came):
        filters.register(device)
        if index % 50 == 0:
            filters.save()
    filters.save()
    before = [(one.number, one.count) for one in filters.filters]
    assert len(list(filters.folder.glob("devices*.bits"))) <= first_seen.MAX_FILTERS
    after = FirstSeenFilter(filters.folder)
    assert [(one.number, one.count) for one in after.filters] == [row for row in before if row[1]]
    assert all(after.has(device) for device in came[-400:])


def test_a_filter_that_an_earlier_version_filled_is_dropped(filters: FirstSeenFilter) -> None:
    (filters.folder / "devices.bits").write_bytes(b"\xff" * first_seen.SIZE)
    assert FirstSeenFilter(filters.folder).register(hash_bits(SITE, 5))


def test_a_full_filter_has_few_false_positives() -> None:
    """Of the real size: as many bits as CAPACITY devices set, by chance."""
    capacity = 8_000_000
    one = first_seen.BloomFilter(0)
    dice = random.Random(5)
    for _ in range(200_000):  # a fortieth of them; the rest of the bits as dense
        one.add(tuple([dice.getrandbits(first_seen.BITS) for _ in range(first_seen.PROBES)]))
    share = one.set_bits() / (1 << first_seen.BITS)
    assert share == pytest.approx(1 - 2.718281828 ** (-first_seen.PROBES * 200_000 / (1 << first_seen.BITS)), rel=0.02)
    full = 1 - 2.718281828 ** (-first_seen.PROBES * capacity / (1 << first_seen.BITS))
    assert first_seen.MAX_FILTERS * full**first_seen.PROBES < 1 / 80
