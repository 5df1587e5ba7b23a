"""The interface of the state, and what every implementation does in the memory of its own process."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from tracking.state.questions import (
    ClaimFirst,
    CountRequest,
    GetSalt,
    JoinVisit,
    NotJoined,
    PutValue,
    Question,
    RestoreClaim,
)
from tracking.state.salts import SaltCache
from tracking.state.visits import OpenVisit

if TYPE_CHECKING:
    from tracking.state.memory import MemoryState

A = TypeVar("A")
R = TypeVar("R")


class State(ABC):
    """What hits must know of the hits before them. `local` is what this process knows without asking anybody."""

    local: MemoryState
    suspends = False  # whether calls must be suspendable so that questions do not block the event loop
    outlives_processes = False  # whether what a process has claimed stays when it is killed

    def __init__(self) -> None:
        self.salts = SaltCache(lambda day: self.ask(GetSalt(day)))

    @abstractmethod
    def resolve(self, batch: Sequence[Question[Any]]) -> list[Any]:
        """Answer the questions of one or many hits, in their order, within one round trip."""

    @abstractmethod
    def begin_restore(self) -> bool:
        """Return whether open visits and ids must be restored from the event store at this start."""

    def ask(self, question: Question[A]) -> A:
        """Answer one question."""
        answer: A = self.resolve((question,))[0]
        return answer

    def join_visit(self, question: JoinVisit) -> OpenVisit | NotJoined:
        """Answer the question of nearly every hit. The visit must be read before the next hit changes it."""
        return self.ask(question)

    def claim_and_put(self, claim: ClaimFirst, value: PutValue) -> bool:
        """Answer the questions of nearly every click: is it the first, and keep its value."""
        return bool(self.resolve((claim, value))[0])

    def is_settled(self) -> bool:
        """Return whether the state knows that everything claimed here so far is in the spool; may wait a moment."""
        return True

    def note_ended(  # noqa: B027 - where the claims of a process end with it, there is nothing to note
        self, process: str, event_ids: Sequence[int], claims: Sequence[RestoreClaim]
    ) -> None:
        """Note that a process has ended which left these events in its spool, with what they claim."""

    def count_request(self, key: str, seconds: int) -> int:
        """Count one more request under a key; see `CountRequest`."""
        return self.ask(CountRequest(key, seconds, time.time()))

    async def run(self, function: Callable[..., R], *arguments: object) -> R:
        """Call a function of a hit from the event loop, which goes on wherever the function must wait for an answer."""
        return function(*arguments)

    async def drain(self) -> None:  # noqa: B027 - most states answer at once
        """Wait until no call waits for an answer, before the process ends."""

    def get_salt(self, day: date) -> bytes:
        """Return the salt of a UTC day."""
        return self.salts.by_day.get(day) or self.salts.renew(day)

    def rotate_salts(self, now: datetime) -> None:
        """Create the day's salt and destroy those older than 48 hours, even if no visitor came."""
        self.salts.renew(now.astimezone(UTC).date())
