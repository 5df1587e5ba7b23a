"""Opening the state that the settings ask for."""

from __future__ import annotations

from pathlib import Path

from tracking.state.base import State
from tracking.state.memory import MemoryState


def open_state(folder: Path, redis_url: str) -> State:
    """Return a new state: shared with other processes where there is a Redis, else of this process alone."""
    local = MemoryState(folder)
    if not redis_url:
        return local
    from tracking.state.redis_state import RedisState

    return RedisState(redis_url, local)
