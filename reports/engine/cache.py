"""Answers kept until the data behind them changes.

The key of an answer holds the version of the data it was made from, so a stale answer is never found; old ones fall
out at the other end. One per process: a second process makes its own.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Any

MOST_CELLS = 500_000  # values in all kept answers together: some 50 MB
MOST_CELLS_OF_ONE = 50_000


class Answers:
    """Least recently used answers, bounded by the number of values they hold."""

    def __init__(self, most: int = MOST_CELLS) -> None:
        self.most = most
        self._kept: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._cells = 0
        self._lock = Lock()

    def get(self, key: Hashable) -> Any | None:
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key][0]

    def put(self, key: Hashable, answer: Any, cells: int) -> None:
        """Keep `answer` (of so many values), unless it alone is too large."""
        if cells > MOST_CELLS_OF_ONE:
            return
        with self._lock:
            if key in self._kept:
                self._cells -= self._kept.pop(key)[1]
            self._kept[key] = (answer, cells)
            self._cells += cells
            while self._cells > self.most:
                self._cells -= self._kept.popitem(last=False)[1][1]

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()
            self._cells = 0


ANSWERS = Answers()
