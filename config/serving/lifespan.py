"""The components of every serving process, whichever server runs it: caches, open visits, the spool's writer, streams.

They are started in the order of COMPONENTS and stopped in reverse.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from django.db import DatabaseError, connection

from accounts.security.secret_key import check_secret_key
from config import process
from config.serving import api_call_writer
from links.public_urls import update_system_domain
from links.redirect import click_deduplication, pausing
from links.routing import link_cache
from sites import site_cache
from tracking import geo, live, maintenance, remote_commands, spool
from tracking.state import restore
from tracking.web import Receive, Send

log = logging.getLogger(__name__)
SAVE_SECONDS = 300


class ServerComponent(NamedTuple):
    """Something that runs beside the requests."""

    name: str
    start: Callable[[], object]
    stop: Callable[[], object]


def do_nothing() -> None:
    """Do nothing, for components without a start or stop."""


def require_installation_key() -> None:
    """Raise WrongSecretKey if the database is used with another SECRET_KEY. Log if the database is unavailable."""
    try:
        check_secret_key()
    except DatabaseError as error:
        log.warning("SECRET_KEY could not be compared with the database's: %s", str(error).partition("\n")[0])
    finally:
        if not connection.in_atomic_block:  # this thread may never need it again
            connection.close()


def load_known_devices() -> None:
    """Read the filters of known devices, which would otherwise delay the first hit."""
    _ = process.state.local.first_seen


def save_known_devices() -> None:
    """Save the filters of known devices that have changed."""
    process.state.local.first_seen.save()


COMPONENTS: tuple[ServerComponent, ...] = (
    ServerComponent("secret key", require_installation_key, do_nothing),
    ServerComponent("site cache", site_cache.start, site_cache.stop),
    ServerComponent("link domain", update_system_domain, do_nothing),
    ServerComponent("link cache", link_cache.start, link_cache.stop),
    ServerComponent("pausing of links", pausing.start, pausing.stop),
    ServerComponent("geography", geo.load_databases, do_nothing),
    ServerComponent("known devices", load_known_devices, save_known_devices),
    ServerComponent("spool writer", spool.start, spool.stop),
    ServerComponent("open visits", partial(restore.rebuild, process.state), do_nothing),
    ServerComponent("interrupted corrections", maintenance.finish_at_start, do_nothing),
    ServerComponent(
        "unique clicks and conversions", partial(click_deduplication.rebuild_state, process.state), do_nothing
    ),
    ServerComponent("commands", remote_commands.serve, remote_commands.stop),
    ServerComponent("live streams", live.reopen, live.close),
    ServerComponent("API calls", api_call_writer.writer.start, api_call_writer.writer.stop),
)


def start_components(components: Sequence[ServerComponent]) -> None:
    """Start all components. An error is raised after a log line that names its component."""
    for component in components:
        try:
            component.start()
        except Exception:
            log.error("Could not start: %s", component.name)
            raise


def stop_components(components: Sequence[ServerComponent]) -> None:
    """Stop all components, even if some fail."""
    for component in reversed(components):
        try:
            component.stop()
        except Exception:
            log.exception("Could not stop: %s", component.name)


async def save_periodically() -> None:
    """Save, every SAVE_SECONDS, what would be lost if the process was killed."""
    while True:
        await asyncio.sleep(SAVE_SECONDS)
        await asyncio.to_thread(save_known_devices)


async def handle_lifespan(
    receive: Receive,
    send: Send,
    components: Sequence[ServerComponent] = COMPONENTS,
    saves: bool = True,
) -> None:
    """Handle the lifespan messages of the ASGI server: start and stop the components; `saves` what they know."""
    saving: asyncio.Task[None] | None = None
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            try:
                await asyncio.to_thread(start_components, components)
            except Exception as error:
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                return
            saving = asyncio.create_task(save_periodically()) if saves else None
            await send({"type": "lifespan.startup.complete"})
        else:
            if saving is not None:
                saving.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await saving
            await process.state.drain()
            await asyncio.to_thread(stop_components, components)
            await send({"type": "lifespan.shutdown.complete"})
            return
