"""Opening the state that the settings ask for."""

from __future__ import annotations

from pathlib import Path

from tracking.state.base import State
from tracking.state.memory import MemoryState


def open_state(folder: Path, redis_url: str, store_socket: str = "") -> State:
    """Return a new state: of this process alone, or shared with others through Redis or the socket of the store's
    process (`manage.py serve --workers`)."""
    local = MemoryState(folder)
    if store_socket:
        from tracking.state.worker_state import WorkerState

        return WorkerState(Path(store_socket), local)
    if not redis_url:
        return local
    from tracking.state.redis_state import RedisState

    return RedisState(redis_url, local)
