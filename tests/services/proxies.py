"""A proxy before a service, which a test lets fall silent as a frozen machine does, or refuse as a dead one does."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass(kw_only=True)
class Breakpoint:
    """Where a client is stopped: when it has sent, over one connection, pieces that contain these words in turn.

    The service gets the last piece if it `passes`; from then on the proxy forwards nothing.
    """

    words: list[bytes]
    stop: Callable[[], None]
    passes: bool
    source: socket.socket | None = None
    reached: threading.Event = field(default_factory=threading.Event)

    def note(self, source: socket.socket, piece: bytes) -> bool:
        """Note a piece; return whether it is the last one."""
        if self.words and self.source in (None, source) and self.words[0] in piece:
            self.source = source
            del self.words[0]
            return not self.words
        return False


class Proxy:
    """Forwards connections to a port of this machine while it is `available`."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.available = threading.Event()
        self.available.set()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self.listener.getsockname()[1]
        self.sockets: list[socket.socket] = []
        self.breakpoint: Breakpoint | None = None
        threading.Thread(target=self.run, daemon=True).start()

    def freeze(self) -> None:
        """Accept connections and forward nothing."""
        self.available.clear()

    def thaw(self) -> None:
        """Forward again, also what came meanwhile."""
        self.breakpoint = None
        self.available.set()

    def stop_at(self, *words: bytes, stop: Callable[[], None], passes: bool) -> Breakpoint:
        """Set a breakpoint; `thaw` ends it."""
        self.breakpoint = Breakpoint(words=list(words), stop=stop, passes=passes)
        return self.breakpoint

    def run(self) -> None:
        """Accept connections until `close`."""
        with suppress(OSError):
            while True:
                client = self.listener.accept()[0]
                threading.Thread(target=self.connect, args=(client,), daemon=True).start()

    def connect(self, client: socket.socket) -> None:
        """Connect a client to the service."""
        self.available.wait()
        with suppress(OSError):
            server = socket.create_connection(("127.0.0.1", self.target))
            self.sockets += [client, server]
            threading.Thread(target=self.forward, args=(server, client), daemon=True).start()
            self.forward(client, server)

    def forward(self, source: socket.socket, target: socket.socket) -> None:
        """Forward one direction until it ends."""
        with suppress(OSError):
            while piece := source.recv(1 << 16):
                self.available.wait()
                where = self.breakpoint
                if where is None or not where.note(source, piece):
                    target.sendall(piece)
                    continue
                where.stop()
                self.available.clear()
                if where.passes:
                    target.sendall(piece)
                where.reached.set()
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """End all connections and accept none."""
        self.listener.close()
        self.available.set()
        for each in self.sockets:
            with suppress(OSError):
                each.close()


@contextmanager
def open_proxy(target: int) -> Iterator[Proxy]:
    """A proxy before a port, until the block ends."""
    proxy = Proxy(target)
    try:
        yield proxy
    finally:
        proxy.close()
