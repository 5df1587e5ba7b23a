"""Several processes with one Redis act as one: nothing is counted twice, no visit is split."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from tests.services import servers
from tests.services.crowd import ROUNDS
from tests.support.hits import process_hit, reset_state
from tracking import live

pytestmark = pytest.mark.services
PROCESSES = 2
OWN_REDIS = servers.REDIS + 1


def process(*command: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *command], cwd=servers.ROOT, env={**os.environ, **environment}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip


Crowd = Callable[[str], list[Any]]


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    """What two processes find that do the same job at the same moment."""
    words = ("-m", "tests.services.crowd")
    found = [
        process(*words, DATA_DIR=str(tmp_path_factory.mktemp("crowd")), DJANGO_SETTINGS_MODULE="config.settings")
        for _ in range(PROCESSES)
    ]
    for one in found:
        assert one.stdout is not None and one.stdout.readline() == "ready\n"

    def both(job: str) -> list[Any]:
        for one in found:
            assert one.stdin is not None
            one.stdin.write(f"{job}\n")
            one.stdin.flush()
        return [json.loads(one.stdout.readline()) for one in found if one.stdout is not None]

    yield both
    for one in found:
        one.communicate(timeout=20)


def test_every_click_has_a_number_of_its_own(crowd: Crowd) -> None:
    one, other = crowd("turns")
    assert sorted(one + other) == list(range(1, 2 * ROUNDS + 1))
    assert one == sorted(one) and other == sorted(other)


def test_rotations_and_click_limits_work_across_processes(crowd: Crowd) -> None:
    one, other = crowd("rotated")
    counts = Counter(one + other)
    assert counts == {"https://a.test/": 34, "https://b.test/": 33, "https://c.test/": 33, "https://after.test/": 300}


def test_a_click_is_unique_in_one_process_only(crowd: Crowd) -> None:
    one, other = crowd("uniques")
    firsts = [a + b for a, b in zip(one, other, strict=True)]
    people = ROUNDS - 1
    assert firsts == [1] * people + [0] * people + [1] * people


def test_a_rate_limit_counts_requests_of_all_processes(crowd: Crowd) -> None:
    assert sum(crowd("limited")) == 100


def test_password_attempts_of_all_processes_count_together(crowd: Crowd) -> None:
    assert sum(crowd("guesses")) == 50


def test_requests_to_two_processes_at_once_make_one_visit(crowd: Crowd) -> None:
    one, other = crowd("visits")
    assert [row[:2] for row in one] == [row[:2] for row in other]
    assert len({tuple(row[:2]) for row in one}) == 99
    new = [max(a[2], b[2]) for a, b in zip(one, other, strict=True)]  # the store takes what any event of a visit says
    assert set(new[:99]) == {1}


def test_an_id_sent_to_two_processes_counts_once(crowd: Crowd) -> None:
    assert sum(crowd("repeated")) == ROUNDS


PUBLISH = """
import django; django.setup()
from tests.support.hits import process_hit
from tracking import live
for path in ("/a", "/b"):
    live.publish(process_hit(path))
import time; time.sleep(3 * live.FLUSH_SECONDS)
"""


def test_spy_shows_what_another_process_stored(tmp_path: Path) -> None:
    async def watch() -> list[str]:
        stream = live.subscribe(7, heartbeat=0.5)
        assert await anext(stream) is None  # it listens now
        one = process("-c", PUBLISH, DATA_DIR=str(tmp_path), DJANGO_SETTINGS_MODULE="config.settings")
        seen, until = list[str](), time.monotonic() + 60
        while len(seen) < 2 and time.monotonic() < until:
            found = await anext(stream)
            seen += [found["path"]] if found else []
        await stream.aclose()
        one.wait(20)
        return seen

    live.reopen()
    assert asyncio.run(watch()) == ["/a", "/b"]


def test_during_a_redis_outage_no_hit_is_rejected_and_visits_continue(settings: Settings, tmp_path: Path) -> None:
    server, shared = servers.program("redis-server", "redis-server"), settings.REDIS_URL
    command = [server, "--port", str(OWN_REDIS), "--save", "", "--dir", str(tmp_path)]
    with servers.running(command, OWN_REDIS, tmp_path / "redis.log"):
        settings.REDIS_URL = f"redis://127.0.0.1:{OWN_REDIS}/0"
        reset_state()
        before = process_hit("/a")
    began = time.monotonic()
    during = [process_hit(f"/{number}") for number in range(50)]
    assert time.monotonic() - began < 5
    assert {(one["visit"], one["device"]) for one in during} == {(before["visit"], before["device"])}
    settings.REDIS_URL = shared
    reset_state()
