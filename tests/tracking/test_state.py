"""The state of one process against the naive one; `tests/services/test_shared_state.py` walks the same way in Redis."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings

from tests.support.naive_state import StateWalk
from tracking.state.base import State
from tracking.state.memory import MemoryState


class MemoryWalk(StateWalk):
    """A walk with a single process."""

    @staticmethod
    def states() -> list[State]:
        folder = Path(tempfile.mkdtemp())
        state = MemoryState(folder)
        _ = state.first_seen
        shutil.rmtree(folder)  # nothing of the walk is kept in files
        return [state]


MemoryWalk.TestCase.settings = settings(stateful_step_count=15, deadline=None)
TestMemoryState = MemoryWalk.TestCase
