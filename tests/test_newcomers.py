"""Known devices: filters are renewed before they are full, in this process and in Redis where there is one."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from django.conf import settings

from tracking import newcomers, shared

SITE = 101_000_001


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Filters that are renewed after a hundred devices."""
    monkeypatch.setattr(newcomers, "CAPACITY", 100)
    newcomers.forget()
    yield
    newcomers.forget()


def devices(count: int, seed: int) -> list[int]:
    return [random.Random(f"{seed}-{number}").getrandbits(53) for number in range(count)]


def test_new_devices_are_told_new_however_many_there_were() -> None:
    came = devices(2_000, seed=1)
    assert [newcomers.first_time(SITE, device) for device in came] == [True] * 2_000
    assert [newcomers.first_time(SITE, device) for device in came[-300:]] == [False] * 300
    assert len(newcomers.filters().filters) == newcomers.MAX_FILTERS
    assert not newcomers.known(SITE, came[0]), "who came before so many others is forgotten"


def test_who_comes_back_stays_known() -> None:
    regular = devices(1, seed=2)[0]
    newcomers.first_time(SITE, regular)
    for day in range(10):
        for device in devices(300, seed=3 + day):
            newcomers.first_time(SITE, device)
        assert not newcomers.first_time(SITE, regular), day
    assert newcomers.first_time(SITE + 1, regular), "on another site it is another device"


def test_being_asked_about_is_not_being_seen() -> None:
    assert not newcomers.known(SITE, 7) and not newcomers.known(SITE, 7)
    assert newcomers.first_time(SITE, 7) and newcomers.known(SITE, 7)


@pytest.mark.skipif(bool(shared.redis()), reason="Redis keeps them")
def test_filters_outlive_a_restart_and_files_of_dropped_ones_go() -> None:
    came = devices(1_000, seed=20)
    for index, device in enumerate(came):
        newcomers.first_time(SITE, device)
        if index % 50 == 0:
            newcomers.save()
    newcomers.save()
    before = [(one.number, one.count) for one in newcomers.filters().filters]
    assert len(list(settings.DATA_DIR.glob("devices*.bits"))) <= newcomers.MAX_FILTERS
    newcomers._filters = None
    assert [(one.number, one.count) for one in newcomers.filters().filters] == [row for row in before if row[1]]
    assert all(newcomers.known(SITE, device) for device in came[-400:])


def test_a_filter_that_an_earlier_version_filled_is_dropped() -> None:
    full = b"\xff" * newcomers.SIZE
    (settings.DATA_DIR / "devices.bits").write_bytes(full)
    shared.together(lambda client: client.set(newcomers.NAME, full))
    assert newcomers.first_time(SITE, 5)


def test_a_full_filter_is_wrong_about_few() -> None:
    """Of the real size: as many bits as CAPACITY devices set, by chance."""
    capacity = 8_000_000
    one = newcomers.Filter(0)
    dice = random.Random(5)
    for _ in range(200_000):  # a fortieth of them; the rest of the bits as dense
        one.add([dice.getrandbits(newcomers.BITS) for _ in range(newcomers.PROBES)])
    share = one.set_bits() / (1 << newcomers.BITS)
    assert share == pytest.approx(1 - 2.718281828 ** (-newcomers.PROBES * 200_000 / (1 << newcomers.BITS)), rel=0.02)
    full = 1 - 2.718281828 ** (-newcomers.PROBES * capacity / (1 << newcomers.BITS))
    assert newcomers.MAX_FILTERS * full**newcomers.PROBES < 1 / 80
