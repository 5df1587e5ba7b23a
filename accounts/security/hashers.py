"""Password hashing with a bound on memory and time: a few at once in one process, and no endless queue behind them.

Argon2 is slow and large on purpose, so whoever may start any number of hashes can exhaust the machine. Every hash of
this process (users, protected links, shared overviews, unknown users whose answer must take as long) takes one of
MAX_HASHES_AT_ONCE slots. A caller waits for a slot for MAX_WAIT_SECONDS, and MAX_WAITING callers may wait; beyond
that `HashingBusy` is raised, which is answered with 503 and Retry-After.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from django.contrib.auth.hashers import Argon2PasswordHasher, PBKDF2PasswordHasher

from accounts.security.connections import release_connections

MAX_HASHES_AT_ONCE = min(4, max(2, os.cpu_count() or 1))
MAX_WAITING = 64  # callers; at some 40 ms a hash the last of them waits about a second
MAX_WAIT_SECONDS = 4.0
RETRY_SECONDS = 5  # what a refused caller is told to wait
BUSY = "Too many people log in at this moment. Try again in a few seconds."
T = TypeVar("T")


class HashingBusy(Exception):
    """So many passwords are being checked that this one had to be refused."""

    def __init__(self) -> None:
        super().__init__(BUSY)


class HashingSlots:
    """A semaphore whose queue is bounded in length and in time. One thread may enter it again while inside."""

    def __init__(self, size: int) -> None:
        self._free = threading.Semaphore(size)
        self._lock = threading.Lock()
        self._waiting = 0
        self._mine = threading.local()

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold a slot for the block. Raises HashingBusy when none is to be had."""
        depth = getattr(self._mine, "depth", 0)
        if not depth and not self._free.acquire(blocking=False):
            self._wait()
        self._mine.depth = depth + 1
        try:
            yield
        finally:
            self._mine.depth = depth
            if not depth:
                self._free.release()

    def _wait(self) -> None:
        with self._lock:
            if self._waiting >= MAX_WAITING:
                raise HashingBusy
            self._waiting += 1
        try:
            release_connections()
            if not self._free.acquire(timeout=MAX_WAIT_SECONDS):
                raise HashingBusy
        finally:
            with self._lock:
                self._waiting -= 1


slots = HashingSlots(MAX_HASHES_AT_ONCE)
_executor = ThreadPoolExecutor(MAX_HASHES_AT_ONCE, thread_name_prefix="hashing")
_submitted = threading.Semaphore(MAX_HASHES_AT_ONCE + MAX_WAITING)


async def run_hashing(function: Callable[..., T], *args: Any) -> T:
    """Run a function that hashes on threads kept for that, from async code. Raises HashingBusy."""
    if not _submitted.acquire(blocking=False):
        raise HashingBusy
    future = _executor.submit(function, *args)
    future.add_done_callback(lambda _: _submitted.release())
    return await asyncio.wrap_future(future)


class BoundedHasher:
    """Takes a slot for everything a hasher of Django computes."""

    def encode(self, password: str, salt: str, *args: Any) -> str:
        """As Django's. Raises HashingBusy."""
        with slots.slot():
            return super().encode(password, salt, *args)  # type: ignore[misc]

    def verify(self, password: str, encoded: str) -> bool:
        """As Django's. Raises HashingBusy."""
        with slots.slot():
            return super().verify(password, encoded)  # type: ignore[misc]


class Argon2Hasher(BoundedHasher, Argon2PasswordHasher):
    """Argon2id as OWASP's password storage cheat sheet has it: 19 MiB, two passes, one thread.

    Hashes with other parameters (Django's own take 100 MiB and eight threads) verify as before; the next log-in of
    their user replaces them.
    """

    memory_cost = 19_456  # KiB
    time_cost = 2
    parallelism = 1


class PBKDF2Hasher(BoundedHasher, PBKDF2PasswordHasher):
    """Django's PBKDF2, for hashes that were made before Argon2."""
