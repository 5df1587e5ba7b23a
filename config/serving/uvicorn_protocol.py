"""uvicorn's HTTP protocol, with public names for the members of it that are not part of uvicorn's interface.

Only here are they named. `find_missing_members` says which of them a release of uvicorn lacks; the server then uses
uvicorn's own protocol, without our limits per connection and without immediate responses (`server.py`).
"""

from __future__ import annotations

from typing import Any, Protocol

from uvicorn.protocols.http import httptools_impl

HttpToolsProtocol = httptools_impl.HttpToolsProtocol
RequestResponseCycle = httptools_impl.RequestResponseCycle
STATUS_LINE: dict[int, bytes] = httptools_impl.STATUS_LINE

PRIVATE_METHODS = ("_start_asgi_task", "_unset_keepalive_if_required")
CALLBACKS = (
    "connection_made", "connection_lost", "data_received", "on_message_begin", "on_header", "on_headers_complete",
    "on_body", "on_message_complete", "on_response_complete", "shutdown",
)  # fmt: skip


def find_missing_members(protocol: type = HttpToolsProtocol) -> list[str]:
    """Return the members on which our protocol builds and that this release of uvicorn does not have."""
    return [name for name in (*PRIVATE_METHODS, *CALLBACKS) if not callable(getattr(protocol, name, None))]


class IgnoredEvent:
    """An event for which nobody waits."""

    def set(self) -> None:
        """Wake up nobody."""


class Cycle(Protocol):
    """A request, as far as the end of its response concerns it: uvicorn's object for it, or a `PendingCycle`."""

    response_started: bool
    response_complete: bool
    disconnected: bool
    keep_alive: bool


class PendingCycle:
    """What the protocol needs to know of a request whose response is built without a task, but not at once.

    uvicorn's own object for a request, with its event, costs half as much as answering a beacon.
    """

    message_event = IgnoredEvent()
    response_started = response_complete = disconnected = False
    keep_alive = True


class UvicornProtocol(HttpToolsProtocol):
    """HTTP/1.1 by uvicorn."""

    def set_current(self, cycle: PendingCycle) -> None:
        """Let requests that follow on this connection wait until this one has its response."""
        self.cycle = cycle  # type: ignore[assignment]

    def start_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Start the task that answers a request."""
        super()._start_asgi_task(cycle, app)

    def stop_idle_timer(self) -> None:
        """Stop the timer that closes an idle connection."""
        self._unset_keepalive_if_required()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: object) -> None:
        self.start_task(cycle, app)
