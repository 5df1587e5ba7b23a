"""Which batches of questions are settled: everything that their hits have claimed is in the spool.

A hit claims its sender's id before its event is in the spool. It writes the event as soon as it has the answer, unless
it asks further questions before. So a batch is settled once all its calls were resumed, those that have claimed
something and asked again have ended, and the write batch of the event loop is written. The state is told that with each
further batch, so that other processes know whether what was claimed is stored.

A call that asks again without having claimed anything (it asked for a salt, or named a visit that is lost) must not
count: it may wait for what another process has claimed, and that one's calls for what this process has.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from tracking.state.suspension import SuspendableCall, resume, suspend
from tracking.write_batch import write_batch

SETTLE_SECONDS = 0.02  # after which the state is told what is in the spool if no further batch does it
POLL_SECONDS = 0.005


class Settlement:
    """The numbers of a process's batches: each includes all batches before it."""

    def __init__(self) -> None:
        self.sent = 0  # the last one
        self.claimed = 0  # the last one with calls that was answered
        self.resumed = 0  # the last one whose calls were resumed
        self.settled = 0  # the last one of which everything is in the spool, when that was last looked up
        self.confirmed = 0  # the last `settled` that the state knows
        self.forget_calls()

    def forget_calls(self) -> None:
        """Begin anew, in another loop."""
        self.unsettled: dict[SuspendableCall, int] = {}  # calls that ask again -> the first batch in which they claimed
        self.unclaimed: set[SuspendableCall] = set()  # calls that have claimed nothing by their last answer
        self.pausing: set[SuspendableCall] = set()  # calls that ask the same again in a moment
        self.resumed = self.sent

    def take_number(self) -> int:
        """Return the number of the next batch."""
        self.sent += 1
        return self.sent

    def note_call(self, call: SuspendableCall, number: int) -> None:
        """Note that a call has been resumed with the answer of a batch."""
        if call.has_ended:
            self.unsettled.pop(call, None)
        elif number and call not in self.pausing and call not in self.unclaimed:
            self.unsettled.setdefault(call, number)
        self.unclaimed.discard(call)

    def note_unclaimed(self, call: SuspendableCall | None) -> None:
        """Note that a call, which is running, has claimed nothing by the answer with which it was resumed."""
        if call is not None:
            self.unclaimed.add(call)

    def find_settled(self) -> int:
        """Return the number of the last batch of which everything is in the spool, as is that of all before it."""
        if not write_batch.events:  # else the events of the last batch are not written yet
            self.settled = min(self.unsettled.values(), default=self.resumed + 1) - 1
        return self.settled

    def is_missing(self) -> bool:
        """Return whether the state does not know of all batches that what they claimed is in the spool."""
        return self.confirmed < self.claimed

    def wait(self, seconds: float, is_away: Callable[[], bool]) -> bool:
        """Wait, in another thread, until the state knows that everything answered so far is in the spool.

        Return False if it does not within that time.
        """
        number, end = self.claimed, time.monotonic() + seconds
        while self.confirmed < number:
            if is_away() or time.monotonic() > end:
                return False
            time.sleep(POLL_SECONDS)
        return True

    def pause(self, call: SuspendableCall, seconds: float) -> None:
        """Suspend the call, which is the running one and has not got what it claimed last, for a moment."""
        self.pausing.add(call)
        asyncio.get_running_loop().call_later(seconds, self.end_pause, call)
        suspend(call)

    def end_pause(self, call: SuspendableCall) -> None:
        """Resume a call after its pause."""
        if call in self.pausing:
            self.pausing.discard(call)
            resume(call, None)
