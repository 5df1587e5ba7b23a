"""A small process that holds the listening socket and runs `manage.py serve` as its child (`serve --hold-socket`), or
as several children (`serve --workers`): the store's process, and behind it the workers, which accept connections.

SIGHUP restarts the children: the workers drain and end, then the store's process, then all start in the other order,
because two processes cannot share an embedded event store. Meanwhile connections wait in the socket's queue. A child
that was killed is started again, alone. SIGTERM and SIGINT end all. This module imports nothing of Django: it stays
small, and seldom changes with a release.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator

from config.serving.listening_socket import (
    INHERITED_DESCRIPTOR,
    QUEUE_LENGTH,
    SocketUnusable,
    open_socket,
    take_inherited_socket,
)
from config.serving.worker_connections import WorkerConnections, create_worker_connections

SIGNALS = {signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}
MAX_DRAIN_SECONDS = 30.0  # after which a child is killed; it usually needs two or three
MAX_WORKER_DRAIN_SECONDS = 8.0  # of a worker, which has nothing to store: together less than systemd waits
MIN_LIFE_SECONDS = 10.0  # a child that ends sooner by itself would end so again: the holder ends, too
KILLED_PAUSE_SECONDS = 1.0  # before one of several is started again that was killed so soon
POLL_SECONDS = 1.0
START_POLL_SECONDS = 0.05  # while the workers wait for the store's process


class Child:
    """One process to run."""

    def __init__(self, command: list[str], max_drain_seconds: float) -> None:
        self.command, self.max_drain_seconds = command, max_drain_seconds
        self.process_id = 0  # 0 while it does not run
        self.started_at = self.start_at = 0.0
        self.kill_at: float | None = None  # set while it drains
        self.code = 0  # of its last end
        self.connections: WorkerConnections | None = None  # of a worker

    def start(self, sock: socket.socket) -> None:
        """Start it with the socket as file descriptor 3."""
        self.started_at, self.kill_at = time.monotonic(), None
        self.process_id = os.fork()
        if self.process_id:
            return
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        os.dup2(sock.fileno(), INHERITED_DESCRIPTOR)
        os.set_inheritable(INHERITED_DESCRIPTOR, True)
        passed = {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
        if self.connections is not None:
            passed |= self.connections.build_variable()
        try:
            os.execve(self.command[0], self.command, {**os.environ, **passed})  # noqa: S606
        except OSError as error:
            raise SystemExit(f"{self.command[0]} cannot be executed: {error.strerror}.") from error

    def note_end(self, status: int) -> None:
        """Note that it has ended, with a status of `waitpid`."""
        code = os.waitstatus_to_exitcode(status)
        self.code = code if code >= 0 else 128 - code
        self.process_id = 0
        if self.connections is not None:
            self.connections.set_absent()

    def stop(self) -> None:
        """Ask it to drain and end; kill it when it takes too long."""
        now = time.monotonic()
        if self.kill_at is None:
            self.kill_at = now + self.max_drain_seconds
            os.kill(self.process_id, signal.SIGTERM)
        elif now > self.kill_at:
            os.kill(self.process_id, signal.SIGKILL)

    def ended_too_soon(self) -> bool:
        """Whether it ended by itself soon after its start."""
        return self.kill_at is None and time.monotonic() - self.started_at <= MIN_LIFE_SECONDS


class SocketHolder:
    """The socket and the children. `stages` are started in their order and stopped in reverse; the second one is
    started when the first one listens on the Unix socket at `ready_path`."""

    def __init__(self, sock: socket.socket, stages: list[list[list[str]]], ready_path: str = "") -> None:
        self.sock, self.ready_path = sock, ready_path
        limits = (MAX_DRAIN_SECONDS, MAX_WORKER_DRAIN_SECONDS)
        self.stages = [
            [Child(command, limit) for command in commands] for commands, limit in zip(stages, limits, strict=False)
        ]
        self.children = [child for stage in self.stages for child in stage]
        self.is_ready = False
        self.stopping = self.ending = False

    def run(self) -> int:
        """Run the children until a signal to end; returns the exit code of the first one."""
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        while True:
            if not self.stopping:
                self.start_missing()
            elif self.stop_last_stage():
                if self.ending:
                    return self.children[0].code
                self.stopping = self.is_ready = False
                continue
            is_waiting = self.stopping or not self.is_ready
            caught = signal.sigtimedwait(SIGNALS, START_POLL_SECONDS if is_waiting else POLL_SECONDS)
            if caught is not None and caught.si_signo != signal.SIGCHLD:
                self.stopping = True
                self.ending = self.ending or caught.si_signo != signal.SIGHUP
            for child in self.reap():
                if (code := self.decide_end(child)) is not None:
                    self.stop_all()
                    return code

    def start_missing(self) -> None:
        """Start the children that do not run; at first the later stages wait for the earlier one."""
        now = time.monotonic()
        for stage in self.stages:
            for child in stage:
                if not child.process_id and now >= child.start_at:
                    child.start(self.sock)
            if not self.is_ready and not self.check_ready():
                return

    def check_ready(self) -> bool:
        """Note whether the first stage listens on its socket."""
        with socket.socket(socket.AF_UNIX) as probe:
            self.is_ready = not self.ready_path or probe.connect_ex(self.ready_path) == 0
        return self.is_ready

    def stop_last_stage(self) -> bool:
        """Stop the last stage of which children still run; returns whether none runs any more."""
        for stage in reversed(self.stages):
            running = [child for child in stage if child.process_id]
            for child in running:
                child.stop()
            if running:
                return False
        return True

    def decide_end(self, child: Child) -> int | None:
        """Return the exit code of the holder if this child's end is also the holder's; else prepare its next start."""
        if self.stopping or not child.ended_too_soon():
            return None
        if child.code > 128 and len(self.children) > 1:  # one of several was killed: the others go on
            child.start_at = time.monotonic() + KILLED_PAUSE_SECONDS
            return None
        return child.code

    def stop_all(self) -> None:
        """Stop what still runs, because a child cannot start."""
        self.stopping = True
        while not self.stop_last_stage():
            signal.sigtimedwait(SIGNALS, START_POLL_SECONDS)
            for _ in self.reap():
                pass

    def reap(self) -> Iterator[Child]:
        """Yield the children that have ended. Process 1 of a container collects those of orphans, too."""
        try:
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                for child in self.children:
                    if ended[0] == child.process_id:
                        child.note_end(ended[1])
                        yield child
        except ChildProcessError:
            pass


def main(host: str, port: str, *command: str) -> int:
    """Listen and run the command, whose first word is the path of a program."""
    return hold(host, port, [[list(command)]])


def main_with_workers(host: str, port: str, workers: str, ready_path: str, *command: str) -> int:
    """Listen and run the command as the store's process and as workers."""
    store, worker = [*command, "--part", "store"], [*command, "--part", "worker"]
    return hold(host, port, [[store], [worker] * int(workers)], ready_path)


def hold(host: str, port: str, stages: list[list[list[str]]], ready_path: str = "") -> int:
    """Listen, or take the socket of systemd, and run the stages."""
    try:
        sock = take_inherited_socket() or open_socket(host, int(port))
    except SocketUnusable as error:
        print(error, file=sys.stderr)
        return 1
    sock.listen(QUEUE_LENGTH)
    holder = SocketHolder(sock, stages, ready_path)
    for workers in holder.stages[1:]:
        for worker, connections in zip(workers, create_worker_connections(len(workers)), strict=True):
            worker.connections = connections
    return holder.run()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
