"""What every serving process starts and stops, whichever server runs it: sites in memory, open visits, the spool's
writer, live streams. The order of the rows is the order of starting; stopping goes backwards.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from django.db import DatabaseError, connection

from accounts.security.secret_key import check_secret_key
from links import known as known_links
from links import pausing
from links import rebuild as rebuild_links
from links.addresses import follow_configuration
from sites import known
from tracking import feed, newcomers, places, rebuild, remote, spool, upkeep

log = logging.getLogger(__name__)
SAVE_SECONDS = 300


class Part(NamedTuple):
    """One thing that runs beside the requests."""

    name: str
    start: Callable[[], Any]
    stop: Callable[[], Any]


def nothing() -> None:
    """Some parts need no end, or no beginning."""


def refuse_another_key() -> None:
    """Raise WrongSecretKey if the database is used with another SECRET_KEY; while it is away, nobody can tell."""
    try:
        check_secret_key()
    except DatabaseError as error:
        log.warning("SECRET_KEY could not be compared with the database's: %s", str(error).partition("\n")[0])
    finally:
        if not connection.in_atomic_block:  # this thread may never need it again
            connection.close()


def end_streams() -> None:
    """Let open event streams finish."""
    feed.close()


PARTS: tuple[Part, ...] = (
    Part("secret key", refuse_another_key, nothing),
    Part("sites in memory", known.start, known.stop),
    Part("address of links", follow_configuration, nothing),
    Part("links in memory", known_links.start, known_links.stop),
    Part("links that pause", pausing.start, pausing.stop),
    Part("geography", places.atlas, nothing),
    Part("known devices", newcomers.filters, newcomers.save),
    Part("spool writer", spool.start, spool.stop),
    Part("open visits", rebuild.rebuild, nothing),
    Part("interrupted corrections", upkeep.finish_at_start, nothing),
    Part("windows of links", rebuild_links.rebuild, nothing),
    Part("commands", remote.serve, remote.stop),
    Part("live streams", feed.open_again, end_streams),
)


def start() -> None:
    """Start everything; an error of one part says which."""
    for part in PARTS:
        try:
            part.start()
        except Exception:
            log.error("could not start: %s", part.name)
            raise


def stop() -> None:
    """Stop everything, whatever happens on the way."""
    for part in reversed(PARTS):
        try:
            part.stop()
        except Exception:
            log.exception("could not stop: %s", part.name)


async def keep_saving() -> None:
    """Write now and then what would be lost without an orderly end."""
    while True:
        await asyncio.sleep(SAVE_SECONDS)
        await asyncio.to_thread(newcomers.save)


async def lifespan(receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
    """The ASGI server's word that it starts and ends."""
    saving: asyncio.Task[None] | None = None
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            try:
                await asyncio.to_thread(start)
            except Exception as error:
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                return
            saving = asyncio.create_task(keep_saving())
            await send({"type": "lifespan.startup.complete"})
        else:
            if saving is not None:
                saving.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await saving
            await asyncio.to_thread(stop)
            await send({"type": "lifespan.shutdown.complete"})
            return
