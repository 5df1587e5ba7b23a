"""What a collecting worker runs beside its requests (`manage.py serve --workers`): its caches, its spool, the
connection to the store's process."""

from __future__ import annotations

from collections.abc import Collection

import orjson

from config import process
from config.serving.lifespan import ServerComponent, do_nothing, load_known_devices, require_installation_key
from links.redirect import pausing
from links.routing import link_cache
from sites import site_cache
from tracking import geo, live, spool
from tracking.event import Event
from tracking.state.worker_state import WorkerState


def get_worker_state() -> WorkerState:
    """Return the state of this worker."""
    assert isinstance(process.state, WorkerState)
    return process.state


def relay_live_events() -> None:
    """Publish the events of sites with live streams to the store's process, where the streams are."""
    link = get_worker_state().link

    def send(event: Event) -> None:
        link.send_event(orjson.dumps(event, default=str))

    def relay(sites: Collection[int]) -> None:
        live.relay(sites, send)

    link.on_sites = relay


WORKER_COMPONENTS: tuple[ServerComponent, ...] = (
    ServerComponent("secret key", require_installation_key, do_nothing),
    ServerComponent("site cache", site_cache.start, site_cache.stop),
    ServerComponent("link cache", link_cache.start, link_cache.stop),
    ServerComponent("pausing of links", pausing.start, pausing.stop),
    ServerComponent("geography", geo.load_databases, do_nothing),
    ServerComponent("known devices", load_known_devices, do_nothing),
    ServerComponent("spool", spool.start_sealing, spool.stop_sealing),
    ServerComponent("live streams", relay_live_events, do_nothing),
)
