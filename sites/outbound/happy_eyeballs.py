"""Connections to a name with several addresses as described in RFC 8305 ("Happy Eyeballs"): an address that does not
answer delays the others only a little."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from httpcore import AsyncNetworkStream

ATTEMPT_DELAY = 0.25  # seconds without a connection, after which the next address is tried as well
Connect = Callable[[str], Awaitable[AsyncNetworkStream]]
Attempts = set["asyncio.Task[AsyncNetworkStream]"]


async def connect_to_first(addresses: Sequence[str], connect: Connect) -> AsyncNetworkStream:
    """Connect to the address that answers first. They are tried in order, the next one at once when one has failed.

    Raises ExceptionGroup with the error of every address if none answers.
    """
    waiting, running, failures = list(addresses), Attempts(), list[Exception]()
    try:
        while waiting or running:
            if waiting:
                running.add(asyncio.create_task(attempt_connection(connect, waiting.pop(0))))
            timeout = ATTEMPT_DELAY if waiting else None
            done, running = await asyncio.wait(running, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            connected = [task.result() for task in done if not task.exception()]
            failures += [error for task in done if isinstance(error := task.exception(), Exception)]
            if connected:
                await close_all(connected[1:])
                return connected[0]
    finally:
        await cancel_attempts(running)
    raise ExceptionGroup("No address answers", failures)


async def attempt_connection(connect: Connect, address: str) -> AsyncNetworkStream:
    return await connect(address)


async def cancel_attempts(running: Attempts) -> None:
    """Cancel attempts, and close those that have connected meanwhile."""
    for task in running:
        task.cancel()
    await close_all(await asyncio.gather(*running, return_exceptions=True))


async def close_all(results: Iterable[Any]) -> None:
    for stream in results:
        if isinstance(stream, AsyncNetworkStream):
            await stream.aclose()
