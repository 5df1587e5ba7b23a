"""What the workers of `serve --workers` have claimed of which it is not known yet whether it is in their spool.

A worker says with each batch up to which of its batches everything is in its spool (`settlement.py`). What is still
open when it is killed is decided by the spool that it left: what is not in it is free again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from typing import NamedTuple

from tracking.state.questions import ClaimFirst, SenderId


class OpenClaim(NamedTuple):
    """A claim of a batch; `position` counts all claims."""

    key: Hashable
    batch: int
    position: int
    claimed: SenderId | ClaimFirst


@dataclass(slots=True)
class AskingBatch:
    """The batch of questions that is answered: its worker's number, and its own; 0 if it says nothing of its spool."""

    process: str = ""
    number: int = 0


class OpenClaims:
    """The claims of all workers, each worker's in their order."""

    def __init__(self) -> None:
        self.batch = AskingBatch()
        self.position = 0
        self.by_process: dict[str, deque[OpenClaim]] = {}
        self.processes: dict[Hashable, str] = {}

    def find_process(self, key: Hashable) -> str:
        """Return the number of the process that has claimed something, as long as that is open; else ""."""
        return self.processes.get(key, "") if self.processes else ""

    def is_open_elsewhere(self, key: Hashable) -> bool:
        """Return whether another worker than the one that asks has claimed something, and that is open."""
        return self.find_process(key) not in ("", self.batch.process)

    def add(self, key: Hashable, claimed: SenderId | ClaimFirst) -> None:
        """Note a claim of the batch that is answered."""
        process, number = self.batch.process, self.batch.number
        if number:
            self.position += 1
            self.by_process.setdefault(process, deque()).append(OpenClaim(key, number, self.position, claimed))
            self.processes[key] = process

    def settle(self, process: str, number: int) -> None:
        """Note that everything which a worker claimed up to a batch is in its spool."""
        claims = self.by_process.get(process)
        while claims and claims[0].batch <= number:
            self.forget(claims.popleft().key, process)

    def forget(self, key: Hashable, process: str = "") -> None:
        """Forget a claim of a process, by default the one that asks: it is settled, or released."""
        if self.processes.get(key) == (process or self.batch.process):
            del self.processes[key]

    def take_all(self, process: str) -> list[OpenClaim]:
        """Return what is open of a worker that has ended, and forget it."""
        claims = [claim for claim in self.by_process.pop(process, ()) if self.processes.get(claim.key) == process]
        for claim in claims:
            self.forget(claim.key, process)
        return claims

    def find_oldest(self, process: str) -> int:
        """Return the position of a worker's oldest open claim, or of the next claim of all; from any thread."""
        claims = self.by_process.get(process)
        try:
            return claims[0].position if claims else self.position + 1
        except IndexError:  # settled meanwhile
            return self.position + 1
