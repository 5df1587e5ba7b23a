"""The faults: what happens during the load, and how it is undone."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from tests.bench.faults.installation import ALL_SERVING, FAKETIME, Installation, is_serving
from tests.bench.faults.load import CHROME, Load
from tests.bench.faults.network import DroppingProxy
from tests.bench.faults.overload import send_in_process

SECONDS_UP = 1.0  # between two kills
CAP = 100  # clicks of the link
NUMBERS = 1_000_000  # of the page views of a row


@dataclass(kw_only=True)
class Run:
    """One row while it is made."""

    installation: Installation
    load: Load
    seconds: float
    times: int
    remark: str = ""

    def pause(self) -> None:
        """Let the fault last."""
        time.sleep(self.seconds)


@dataclass(kw_only=True)
class Fault:
    """A row of the table. `cause` ends when the fault is over; `prepare` and `restore` run without load."""

    name: str
    cause: Callable[[Run], None]
    prepare: Callable[[Run], None] = lambda run: None
    restore: Callable[[Run], None] = lambda run: None
    why_not: Callable[[Installation], str] = lambda installation: ""  # why it cannot be caused here
    seconds: float = 10.0  # how long it lasts where `--seconds` says nothing
    least_seconds: float = 0.0  # what says nothing before that is not silent
    may_refuse_connections: bool = False  # nobody listens meanwhile
    may_double: bool = False  # ids that are repeated to another process
    is_hidden: bool = False  # nothing that /healthz could say


def wait_for_servers(installation: Installation) -> None:
    """Wait until both servers answer."""
    end = time.monotonic() + 60
    while not all(is_serving(port) for port in installation.ports.values()):
        if time.monotonic() > end:
            raise TimeoutError("the servers do not answer")
        time.sleep(0.2)


# -- processes that are killed -------------------------------------------------------------------------------------


def kill_for_a_while(run: Run, *names: str) -> None:
    """Kill services; they are back after the time of the fault."""
    for name in names:
        run.installation.services[name].kill()
    run.pause()
    for name in names:
        run.installation.services[name].start()


def kill_often(run: Run, name: str) -> None:
    """Kill a service again and again; it is started at once."""
    for _ in range(run.times):
        run.installation.services[name].kill()
        run.installation.services[name].start()
        time.sleep(SECONDS_UP)


def kill_held(run: Run) -> None:
    """Kill a server whose socket is held: its holder starts the next one."""
    for _ in range(run.times):
        time.sleep(11)  # the holder ends with a server that lived for less than ten seconds
        run.installation.services["serve1"].kill_child()
    wait_for_servers(run.installation)


def freeze(run: Run, *names: str) -> None:
    """Stop processes without ending them: connections stay open, and nobody answers."""
    for name in names:
        run.installation.services[name].send(signal.SIGSTOP, children=True)
    run.pause()
    for name in names:
        run.installation.services[name].send(signal.SIGCONT, children=True)


def leave_redis_away(run: Run) -> None:
    """Let Redis be away, and count the clicks that a limited link sends to its destination meanwhile."""
    before = click(run.installation, CAP // 2)
    run.installation.services["redis"].kill()
    began = time.monotonic()
    time.sleep(1)
    during = click(run.installation, 2 * CAP)
    time.sleep(max(0.0, run.seconds - (time.monotonic() - began)))
    run.installation.services["redis"].start()
    run.remark = f"a link with a limit of {CAP} clicks let {before} + {during} through"


def click(installation: Installation, number: int) -> int:
    """Click on the limited link so often at both servers; returns how often it led to its destination."""
    there = 0
    with httpx.Client(headers={"User-Agent": CHROME, "Accept-Language": "en"}, timeout=20) as client:
        for turn in range(number):
            port = installation.ports[ALL_SERVING[turn % 2]]
            headers = {"X-Forwarded-For": f"82.1.{turn // 250}.{turn % 250}", "Host": "bench.test"}
            answer = client.get(f"http://127.0.0.1:{port}/l/capped", headers=headers)
            there += answer.headers.get("location", "").startswith("https://in.example/")
    return there


# -- disks, clocks, networks, load ---------------------------------------------------------------------------------


def fill_disk(run: Run, name: str) -> None:
    """Fill a file system, and free it at the end."""
    balloon = run.installation.home / name / "balloon"
    end = time.monotonic() + run.seconds
    while time.monotonic() < end:
        fill(balloon)  # again and again: what was deleted meanwhile is taken, too
        time.sleep(0.2)
    balloon.unlink()


def fill(balloon: Path) -> None:
    """Let a file take all free space."""
    with balloon.open("ab") as file:
        try:
            while free := os.statvfs(balloon).f_bavail * os.statvfs(balloon).f_frsize:
                file.write(bytes(min(free, 1 << 20)))
                file.flush()
        except OSError:
            return


def needs_mount(installation: Installation, name: str) -> str:
    """Say so where no file system can be mounted."""
    return "" if installation.home / name in installation.mounted else "file systems cannot be mounted here"


def set_clock(run: Run, seconds: int) -> None:
    """Set the first server's clock, and correct it at the end."""
    clock = run.installation.clocks["serve1"]
    clock.write_text(f"{seconds:+d}")
    run.pause()
    clock.write_text("+0")
    time.sleep(3)


def use_proxies(run: Run) -> None:
    """Let the load go through proxies that drop half of the connections."""
    ports = run.load.ports
    proxies = [DroppingProxy(port) for port in ports]
    run.load.repeats_cut, run.load.ports = True, tuple(proxy.port for proxy in proxies)
    run.pause()
    run.load.ports = ports
    time.sleep(1)
    run.load.repeats_cut = False
    for proxy in proxies:
        proxy.close()


def overload(run: Run) -> None:
    """Send ten times as many hits: nine of ten come from a process of its own."""
    load = run.load
    found = send_in_process(load, 9 * load.rate, run.seconds, load.first + NUMBERS // 2)
    load.sent += found.sent
    load.answered.update(found.answered)
    load.reasons.update(found.reasons)
    load.refused += found.refused
    load.cut += found.cut
    load.slowest = max(load.slowest, found.slowest)
    run.remark = f"{len(found.answered) / run.seconds:,.0f} a second more were answered"


def restart_in_turns(run: Run) -> None:
    """Restart every process, the servers one after the other with their sockets held."""
    for name in ALL_SERVING:
        run.installation.services[name].send(signal.SIGHUP)
        time.sleep(4)
        wait_for_servers(run.installation)
    for name in ("worker", "beat"):
        run.installation.services[name].end()
        run.installation.services[name].start()
    run.pause()


def upgrade(run: Run) -> None:
    """Switch to the next release, which has a migration, and restart every process in turns."""
    link = run.installation.home / "code"
    following = run.installation.home / "following"
    following.symlink_to(run.installation.home / "next-release")
    following.replace(link)
    restart_in_turns(run)
    versions = {run.installation.manage("showmigrations", "accounts", "--plan").strip().rpartition("\n")[2].strip()}
    run.remark = f"migrated to {', '.join(versions)}"


ROLES = ("serve1", "worker", "beat", "redis", "postgres", "node1", "node2")
FAULTS = (
    Fault(name="nothing", cause=Run.pause, is_hidden=True),
    *(
        Fault(
            name=f"{role} killed", cause=partial(kill_often, name=role), is_hidden=True,
            may_refuse_connections=role == "serve1", may_double=role == "redis",
        )
        for role in ROLES
    ),
    Fault(name="serve1 killed, socket held", cause=kill_held, is_hidden=True),
    Fault(name="worker and beat away", cause=lambda run: kill_for_a_while(run, "worker", "beat"), least_seconds=75),
    Fault(name="postgres away", cause=lambda run: kill_for_a_while(run, "postgres"), seconds=60),
    Fault(name="postgres frozen", cause=lambda run: freeze(run, "postgres")),
    Fault(name="node2 away", cause=lambda run: kill_for_a_while(run, "node2"), seconds=60),
    Fault(name="node2 frozen", cause=lambda run: freeze(run, "node2")),
    Fault(name="both nodes away", cause=lambda run: kill_for_a_while(run, "node1", "node2"), seconds=600),
    Fault(
        name="redis away", cause=leave_redis_away, may_double=True, seconds=60,
        prepare=lambda run: run.installation.create_capped_link(CAP),
    ),
    Fault(name="redis frozen", cause=lambda run: freeze(run, "redis"), may_double=True),
    Fault(
        name="spool full", cause=partial(fill_disk, name="serve1/spool"),
        why_not=partial(needs_mount, name="serve1/spool"),
    ),
    Fault(name="store full", cause=partial(fill_disk, name="node2"), why_not=partial(needs_mount, name="node2")),
    *(
        Fault(
            name=f"clock {words}", cause=partial(set_clock, seconds=seconds), is_hidden=True,
            prepare=lambda run: run.installation.restart_with_clocks(),
            restore=lambda run: run.installation.restart_with_right_clocks(),
            why_not=lambda installation: "" if FAKETIME.exists() else "libfaketime is not installed",
        )
        for words, seconds in (("an hour forward", 3600), ("an hour back", -3600))
    ),
    Fault(name="half of the connections dropped", cause=use_proxies, is_hidden=True),
    Fault(name="ten times the load", cause=overload, is_hidden=True, seconds=60),
    Fault(name="rolling restart", cause=restart_in_turns, is_hidden=True),
    Fault(name="upgrade", cause=upgrade, is_hidden=True),
)  # fmt: skip
