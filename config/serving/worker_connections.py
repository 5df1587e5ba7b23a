"""How many connections each worker of `serve --workers` has open, in memory that all of them share.

The process that holds the socket creates it and passes it to each worker as a file descriptor, which a variable of the
environment names together with the worker's number. This module imports nothing of Django, as that process does.
"""

from __future__ import annotations

import mmap
import os

VARIABLE = "WORKER_CONNECTIONS"
ABSENT = 2**62  # of a worker that accepts none, more than any other has
BYTES = 8  # of a number


class WorkerConnections:
    """The number of one worker, and those of the others."""

    def __init__(self, descriptor: int, worker: int) -> None:
        self.descriptor, self.worker = descriptor, worker
        self.counts = memoryview(mmap.mmap(descriptor, os.fstat(descriptor).st_size)).cast("q")
        self.other_workers = [other for other in range(len(self.counts)) if other != worker]

    def set_count(self, count: int) -> None:
        """Tell the others how many connections this worker has open."""
        self.counts[self.worker] = count

    def set_absent(self) -> None:
        """Tell the others that this worker accepts no connections."""
        self.counts[self.worker] = ABSENT

    def get_count(self) -> int:
        """Return what `set_count` has set."""
        return self.counts[self.worker]

    def list_others(self) -> list[int]:
        """List the numbers of the other workers; ABSENT for one that accepts none."""
        return [self.counts[worker] for worker in self.other_workers]

    def build_variable(self) -> dict[str, str]:
        """Build the variable of the environment that passes this to the worker's process."""
        return {VARIABLE: f"{self.descriptor} {self.worker}"}


def create_worker_connections(workers: int) -> list[WorkerConnections]:
    """Create the shared memory; returns the part of each worker. Child processes inherit the descriptor."""
    descriptor = os.memfd_create("worker connections", 0)
    os.ftruncate(descriptor, BYTES * workers)
    created = [WorkerConnections(descriptor, worker) for worker in range(workers)]
    for one in created:
        one.set_absent()
    return created


def take_worker_connections() -> WorkerConnections | None:
    """Return the part of this worker; None if a holder of an earlier release, which knows nothing of it, runs it."""
    descriptor, _, worker = os.environ.pop(VARIABLE, "").partition(" ")
    return WorkerConnections(int(descriptor), int(worker)) if worker else None
