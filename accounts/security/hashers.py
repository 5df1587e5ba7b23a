"""Password hashing with bounded memory and time: a few hashes at once in one process, and a short queue.

Argon2 is slow and uses much memory on purpose, so whoever could start any number of hashes could exhaust the
machine. Every hash of this process (users, protected links, shared reports, and unknown users, whose response must take
as long) runs on one of MAX_HASHES_AT_ONCE threads reserved for that, which reuse their memory. A
caller waits at most MAX_WAIT_SECONDS, and MAX_WAITING callers may wait; beyond that `HashingBusy` is raised, which
becomes a 503 with Retry-After.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from django.contrib.auth.hashers import Argon2PasswordHasher, BasePasswordHasher, PBKDF2PasswordHasher

from accounts.threads import lower_thread_priority, release_connections

MAX_HASHES_AT_ONCE = min(4, max(2, os.cpu_count() or 1))
MAX_WAITING = 64  # callers; at some 40 ms a hash the last of them waits about a second
MAX_WAIT_SECONDS = 4.0
RETRY_SECONDS = 5  # Retry-After of a rejected caller
BUSY_MESSAGE = "Too many people are logging in right now. Try again in a few seconds."
T = TypeVar("T")


class HashingBusy(Exception):
    """The password was not hashed, because too many others are being hashed."""

    def __init__(self) -> None:
        super().__init__(BUSY_MESSAGE)


class HashingThreads:
    """The threads on which hashes are computed. A function that already runs on one of them stays there."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._executor = ThreadPoolExecutor(size, thread_name_prefix="hashing", initializer=self._enter)
        self._inside = threading.local()
        self._lock = threading.Lock()
        self._submitted = 0

    def run(self, function: Callable[..., T], *args: object) -> T:
        """Run the function on a hashing thread and return its result. Raises HashingBusy."""
        if getattr(self._inside, "here", False):
            return function(*args)
        future = self._submit(function, args)
        if self._submitted > self.size:
            release_connections()
        try:
            return future.result(MAX_WAIT_SECONDS)
        except TimeoutError:
            if future.cancel():
                raise HashingBusy from None
            return future.result()  # it began at this moment

    async def run_async(self, function: Callable[..., T], *args: object) -> T:
        """Run the function without blocking the event loop. Raises HashingBusy."""
        return await asyncio.wrap_future(self._submit(function, args))

    def _submit(self, function: Callable[..., T], args: tuple[object, ...]) -> Future[T]:
        with self._lock:
            if self._submitted >= self.size + MAX_WAITING:
                raise HashingBusy
            self._submitted += 1
        future = self._executor.submit(function, *args)
        future.add_done_callback(self._leave)
        return future

    def _enter(self) -> None:
        lower_thread_priority()
        self._inside.here = True

    def _leave(self, _: object) -> None:
        with self._lock:
            self._submitted -= 1


hashing = HashingThreads(MAX_HASHES_AT_ONCE)


class BoundedHasher(BasePasswordHasher):
    """A mixin that runs a hasher of Django on the hashing threads."""

    def encode(self, password: str, salt: str, *args: object) -> str:
        """See the base class. Raises HashingBusy."""
        return hashing.run(super().encode, password, salt, *args)

    def verify(self, password: str, encoded: str) -> bool:
        """See the base class. Raises HashingBusy."""
        return hashing.run(super().verify, password, encoded)


class Argon2Hasher(BoundedHasher, Argon2PasswordHasher):
    """Argon2id with the parameters of OWASP's password storage cheat sheet: 19 MiB, two passes, one thread.

    Hashes with other parameters (Django's own take 100 MiB and eight threads) verify as before; the next log-in of
    their user replaces them.
    """

    memory_cost = 19_456  # KiB
    time_cost = 2
    parallelism = 1


class PBKDF2Hasher(BoundedHasher, PBKDF2PasswordHasher):
    """Django's PBKDF2, for hashes that were made before Argon2."""
