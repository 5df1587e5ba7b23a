"""A proxy that drops half of the connections: at once, or when the server has answered."""

from __future__ import annotations

import random
import socket
import threading

REQUEST_END = b"\r\n\r\n"


class DroppingProxy:
    """Forwards requests of one connection each to a port of this machine, and drops half of them."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.chance = random.Random(target)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        """Accept connections until `close`."""
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.forward, args=(client, self.chance.randrange(4)), daemon=True).start()

    def forward(self, client: socket.socket, fate: int) -> None:
        """Forward a request and its answer; with fate 0 neither, with 1 only the request."""
        with client:
            if fate == 0:
                return
            try:
                with socket.create_connection(("127.0.0.1", self.target), timeout=20) as server:
                    request = b""
                    while REQUEST_END not in request and (piece := client.recv(1 << 16)):
                        request += piece
                    server.sendall(request)
                    answer = server.recv(1 << 16)
                    if fate > 1:
                        client.sendall(answer)
            except OSError:
                return

    def close(self) -> None:
        """Accept no more connections."""
        self.listener.close()
