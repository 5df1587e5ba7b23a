"""A small process that holds the listening socket and runs `manage.py serve` as its child (`serve --hold-socket`).

SIGHUP restarts the child: the old one drains and ends, then the new one starts, because two cannot share DATA_DIR and
an embedded event store. Meanwhile connections wait in the socket's queue. A child that was killed is started again.
SIGTERM and SIGINT end both. This module imports nothing of Django: it stays small, and seldom changes with a release.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time

from config.serving.listening_socket import INHERITED_DESCRIPTOR, QUEUE_LENGTH, SocketUnusable, open_socket

SIGNALS = {signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}
MAX_DRAIN_SECONDS = 30.0  # after which the child is killed; it usually needs two or three
MIN_LIFE_SECONDS = 10.0  # a child that ends sooner by itself would end so again: the holder ends, too
POLL_SECONDS = 1.0


class SocketHolder:
    """The socket and the child that serves it."""

    def __init__(self, sock: socket.socket, command: list[str]) -> None:
        self.sock, self.command = sock, command
        self.child = 0
        self.started_at = 0.0
        self.kill_at: float | None = None  # set while the child drains
        self.ending = False

    def run(self) -> int:
        """Run children until a signal to end; returns the last one's exit code."""
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        self.start_child()
        while True:
            caught = signal.sigtimedwait(SIGNALS, POLL_SECONDS)
            if caught is not None and caught.si_signo != signal.SIGCHLD:
                self.ending = self.ending or caught.si_signo != signal.SIGHUP
                self.stop_child()
            if self.kill_at is not None and time.monotonic() > self.kill_at:
                os.kill(self.child, signal.SIGKILL)
            code = self.reap()
            if code is None:
                continue
            restarting = self.kill_at is not None or time.monotonic() - self.started_at > MIN_LIFE_SECONDS
            if self.ending or not restarting:
                return code
            self.start_child()

    def start_child(self) -> None:
        """Start the server with the socket as file descriptor 3."""
        self.started_at, self.kill_at = time.monotonic(), None
        self.child = os.fork()
        if self.child:
            return
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        os.dup2(self.sock.fileno(), INHERITED_DESCRIPTOR)
        os.set_inheritable(INHERITED_DESCRIPTOR, True)
        passed = {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
        try:
            os.execve(self.command[0], self.command, {**os.environ, **passed})  # noqa: S606
        except OSError as error:
            raise SystemExit(f"{self.command[0]} cannot be executed: {error.strerror}.") from error

    def stop_child(self) -> None:
        """Ask the child to drain and end, and set the time after which it is killed."""
        os.kill(self.child, signal.SIGTERM)
        if self.kill_at is None:
            self.kill_at = time.monotonic() + MAX_DRAIN_SECONDS

    def reap(self) -> int | None:
        """Return the child's exit code once it has ended. Process 1 of a container collects those of orphans, too."""
        code = None
        try:
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == self.child:
                    status = os.waitstatus_to_exitcode(ended[1])
                    code = status if status >= 0 else 128 - status
        except ChildProcessError:
            pass
        return code


def main(host: str, port: str, *command: str) -> int:
    """Listen and run the command, whose first word is the path of a program."""
    try:
        sock = open_socket(host, int(port))
    except SocketUnusable as error:
        print(error, file=sys.stderr)
        return 1
    sock.listen(QUEUE_LENGTH)
    return SocketHolder(sock, list(command)).run()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
