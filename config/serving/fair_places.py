"""The places of requests that run at the same time, which senders take in turn.

All requests share one interpreter, so each that runs makes every other one slower, and first come, first served would
give most places to whoever sends most. So the waiting requests of each sender have a queue of their own, and these
queues take turns. A sender that has more than MAX_AVERAGE requests open on average while others are present gives way:
one of its requests runs at a time, and begins only while no other sender's runs or waits, but after
MAX_GIVING_WAY_SECONDS at the latest. Who is alone may have all places.

A sender is an account or a client (`config.serving.senders`); "" stands for clients that cannot be told apart, which
never give way.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from dataclasses import dataclass, field

from accounts.recent_use import RecentUses

MAX_AVERAGE = 2.0  # open requests of a sender; a browser that loads a page has more, but only for a moment
MAX_RUNNING_GIVING_WAY = 1
MAX_GIVING_WAY_SECONDS = 0.25


@dataclass(eq=False)
class WaitingRequest:
    """A request that waits for its turn since `since`, a time of the event loop."""

    since: float
    turn: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class FairPlaces:
    """Requests that run, at most `limit` of them, and those that wait, by sender. Used by one event loop."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.uses = RecentUses[str]()
        self.running: Counter[str] = Counter()
        self.waiting: dict[str, deque[WaitingRequest]] = {}  # in the order of the turns
        self._next_look: asyncio.TimerHandle | None = None

    async def enter(self, sender: str) -> None:
        """Wait until a request of the sender may run. `leave` must follow, unless this raises."""
        request = WaitingRequest(asyncio.get_running_loop().time())
        self.uses.add(sender)
        self.waiting.setdefault(sender, deque()).append(request)
        self._begin_next()
        try:
            await request.turn
        except asyncio.CancelledError:
            if request.turn.cancelled():
                self._remove_cancelled(sender, request)
            else:  # it was started at the same moment
                self.leave(sender)
            raise

    def leave(self, sender: str) -> None:
        """End a request of the sender and start the next ones."""
        self.uses.subtract(sender)
        self.running[sender] -= 1
        if not self.running[sender]:
            del self.running[sender]
        self._begin_next()

    def count_requests(self) -> int:
        """Count the requests that run or wait."""
        return self.running.total() + sum(map(len, self.waiting.values()))

    def _begin_next(self) -> None:
        while self.waiting and self.running.total() < self.limit:
            sender = self._choose_sender()
            if sender is None:
                self._look_later()
                return
            request = self._take_first(sender)
            if not request.turn.done():
                self.running[sender] += 1
                request.turn.set_result(None)
        if not self.waiting and self._next_look is not None:
            self._next_look.cancel()
            self._next_look = None

    def _choose_sender(self) -> str | None:
        """Choose whose request begins next; None while those that wait have to give way."""
        yielding = [sender for sender in self.waiting if self._gives_way(sender)]
        ready = [sender for sender in yielding if self.running[sender] < MAX_RUNNING_GIVING_WAY]
        if late := [sender for sender in ready if self._waits_too_long(sender)]:
            return late[0]
        for sender in self.waiting:
            if sender not in yielding:
                return sender
        return ready[0] if ready and all(map(self._gives_way, self.running)) else None

    def _gives_way(self, sender: str) -> bool:
        return sender != "" and self.uses.gives_way(sender, MAX_AVERAGE)

    def _waits_too_long(self, sender: str) -> bool:
        now = asyncio.get_running_loop().time()
        return now - self.waiting[sender][0].since >= MAX_GIVING_WAY_SECONDS

    def _look_later(self) -> None:
        """Look again when a request may have given way for long enough: no end of another one may tell."""
        if self._next_look is None:
            self._next_look = asyncio.get_running_loop().call_later(MAX_GIVING_WAY_SECONDS, self._look_again)

    def _look_again(self) -> None:
        self._next_look = None
        self._begin_next()

    def _take_first(self, sender: str) -> WaitingRequest:
        """Take the sender's first request; its next one has its turn after those of all others."""
        requests = self.waiting.pop(sender)
        request = requests.popleft()
        if requests:
            self.waiting[sender] = requests
        return request

    def _remove_cancelled(self, sender: str, request: WaitingRequest) -> None:
        self.uses.subtract(sender)
        requests = self.waiting.get(sender)
        if requests is not None and request in requests:  # else it was skipped already
            requests.remove(request)
            if not requests:
                del self.waiting[sender]
        self._begin_next()
