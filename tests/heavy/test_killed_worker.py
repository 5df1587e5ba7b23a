"""A worker is killed in the middle of every periodic task and started again: as if it had run once.

Two runs on the same data: in one every task runs undisturbed, in the other its process is killed (SIGKILL) before one
of its statements, or during a request that it sends; then the task is started again and runs to its end.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from config.periodic_tasks import PERIODIC_TASKS
from tests.heavy.killed_worker.killing_servers import Servers, running
from tests.served import reserve_port

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(600)]
ROOT = Path(__file__).resolve().parents[2]
# So early that the last task runs on the same day: reports by e-mail are not sent a day late
YESTERDAY = (datetime.now(UTC) - timedelta(days=1)).replace(hour=2, minute=0, second=0, microsecond=0)
AGAIN = timedelta(minutes=11)  # the claim of a dead worker is over
APART = timedelta(minutes=34)
# Where tasks talk to somebody, they are killed there as well
TALKS = {"uptime": ("ping",), "link destinations": ("dest",), "deliveries": ("hook", "mail"), "digests": ("mail",)}
NAMES = [row.name for row in PERIODIC_TASKS]
TASKS = [name for name in NAMES if name != "interrupted corrections"] + ["erasure", "interrupted corrections"]


@dataclass
class World:
    """What became of both: task -> picture, and who was killed how often."""

    clean: dict[str, Any] = field(default_factory=dict)
    killed: dict[str, Any] = field(default_factory=dict)
    deaths: Counter[str] = field(default_factory=Counter)
    clean_mails: Counter[str] = field(default_factory=Counter)
    killed_mails: Counter[str] = field(default_factory=Counter)
    ids: dict[str, set[str]] = field(default_factory=dict)


class Worker:
    """Processes on one DATA_DIR."""

    def __init__(self, folder: Path, servers: Servers) -> None:
        self.folder, self.trap = folder, servers.trap
        self.env = {
            **os.environ, "DATA_DIR": str(folder / "data"), "EVENTS_URL": "", "DATABASE_URL": "", "REDIS_URL": "",
            "EMAIL_URL": servers.email_url, "ALLOWED_OUTBOUND": "127.0.0.1/32",
            "DJANGO_SETTINGS_MODULE": "config.settings", "SECRET_KEY": "s" * 60, "TZ": "UTC",
        }  # fmt: skip

        folder.mkdir()
        self.log = folder / "log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.heavy.killed_worker.worker"], env=self.env, cwd=ROOT, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            )  # fmt: skip

    def run(self, kind: str = "", **order: Any) -> int:
        """The exit code of a process for this order; with a `kind`, it is killed when it talks to that server."""
        assert self.process.stdin and self.process.stdout
        self.trap.process, self.trap.kind = 0, kind
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        self.trap.process = int(self.process.stdout.readline())
        code = int(self.process.stdout.readline())
        self.trap.kind = ""
        assert code in (0, -signal.SIGKILL), self.log.read_text()[-3000:]
        return code

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(10)

    def out(self, task: str) -> Path:
        return self.folder / f"{task}.json"


def times(index: int) -> datetime:
    """When a task runs to its end; its deaths come before."""
    return YESTERDAY + index * APART + 3 * AGAIN


def undisturbed(worker: Worker) -> dict[str, Any]:
    steps = [
        {"task": task, "at": times(index).isoformat(), "out": str(worker.out(task))}
        for index, task in enumerate(TASKS)
    ]  # fmt: skip
    assert worker.run(steps=steps) == 0
    return {task: json.loads(worker.out(task).read_text()) for task in TASKS}


def disturbed(worker: Worker, clean: dict[str, Any], deaths: Counter[str]) -> dict[str, Any]:
    """Kill every task, then let it finish in the process that is killed in the next one."""
    dice, waiting = random.Random(7), list[dict[str, Any]]()
    for index, task in enumerate(TASKS):
        at, kinds = times(index), TALKS.get(task, ())
        for number, kind in enumerate(kinds):
            step = {"task": task, "at": (at - (3 - number) * AGAIN).isoformat()}
            deaths[task] += run_killed(worker, waiting, step, kind)
            waiting = []
        kill = dice.randint(2, max(2, clean[task]["count"] - 1))
        last = {"task": task, "at": (at - AGAIN).isoformat(), "kill": kill}
        deaths[task] += run_killed(worker, waiting, last, "")
        waiting = [{"task": task, "at": at.isoformat(), "out": str(worker.out(task))}]
        if task == "interrupted corrections":  # the person asks again, then the task comes by again
            waiting = [{"task": "erasure", "at": at.isoformat()}, *waiting]
    assert worker.run(steps=waiting) == 0
    return {task: json.loads(worker.out(task).read_text()) for task in TASKS}


def run_killed(worker: Worker, before: list[dict[str, Any]], step: dict[str, Any], kind: str) -> int:
    """1 if the process died, which it can in the step only: what it finishes `before` talks to other servers."""
    return int(worker.run(kind, steps=[*before, step]) == -signal.SIGKILL)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder, found = tmp_path_factory.mktemp("killed"), World()
    with running(reserve_port()) as servers:
        clean, killed = Worker(folder / "clean", servers), Worker(folder / "killed", servers)
        for worker in (clean, killed):
            assert worker.run(seed=servers.base, at=YESTERDAY.isoformat()) == 0
        found.clean = undisturbed(clean)
        found.clean_mails = subjects(servers)
        servers.trap.seen.clear()
        found.killed = disturbed(killed, found.clean, found.deaths)
        found.killed_mails, found.ids = subjects(servers), servers.trap.delivery_ids()
        for worker in (clean, killed):
            worker.end()
    yield found


def subjects(servers: Servers) -> Counter[str]:
    """How often each mail arrived, by recipient and subject; forgotten afterwards."""
    found = Counter(f"{mail['To']}: {mail['Subject']}" for mail in servers.trap.mails)
    servers.trap.mails.clear()
    return found


@pytest.mark.parametrize("task", TASKS)
def test_the_result_is_as_if_the_task_had_run_once(world: World, task: str) -> None:
    if task == "erasure":  # asked again after the worker came back: judged with the task that finishes it
        return
    clean, killed = world.clean[task]["state"], world.killed[task]["state"]
    differing = {name: (clean[name], killed[name]) for name in clean if clean[name] != killed[name]}
    assert differing == {}


@pytest.mark.parametrize("task", [task for task in TASKS if task != "heartbeat"])
def test_the_worker_was_really_killed_during_the_task(world: World, task: str) -> None:
    assert world.deaths[task] >= max(1, len(TALKS.get(task, ())))


def test_the_undisturbed_worker_had_work_in_every_task(world: World) -> None:
    last = world.clean[TASKS[-1]]["state"]
    assert last["failures"] == [] and last["untold"] == 0 and last["claims"] == 0
    for name in ("goals", "incidents", "prices", "digests", "hooks", "mails", "rolled up", "salts"):
        assert last[name], name
    assert last["dead"] == 1 and last["old hours"] == 0
    assert world.clean["retention"]["state"]["events"] != world.clean["digests"]["state"]["visits"]


def test_no_mail_was_sent_twice_and_none_that_the_undisturbed_worker_did_not_send(world: World) -> None:
    assert [mail for mail, count in world.killed_mails.items() if count > 1] == []
    assert set(world.killed_mails) <= set(world.clean_mails)
    assert len(world.killed_mails) >= len(world.clean_mails) // 2


def test_every_webhook_was_delivered_with_one_id(world: World) -> None:
    assert world.ids and all(len(found) == 1 for found in world.ids.values())
    delivered = {row[0] for row in world.clean["deliveries"]["state"]["hooks"]}
    assert delivered <= set(world.ids)
