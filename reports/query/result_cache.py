"""Results of queries, cached until the data behind them changes.

The key of a result contains the version of the data it was computed from, so an outdated one is never returned;
outdated ones are dropped as the least recently used. Each process has a cache of its own.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import replace
from threading import Lock

from reports.query.model import Result

MAX_CELLS = 500_000  # values in all results together: some 50 MB
MAX_CELLS_OF_RESULT = 50_000


class ResultCache:
    """Least recently used results, bounded by the number of values that they hold."""

    def __init__(self, max_cells: int = MAX_CELLS) -> None:
        self.max_cells = max_cells
        self._results: OrderedDict[Hashable, tuple[Result, int]] = OrderedDict()
        self._cells = 0
        self._lock = Lock()

    def get(self, key: Hashable) -> Result | None:
        with self._lock:
            if key not in self._results:
                return None
            self._results.move_to_end(key)
            return self._results[key][0]

    def put(self, key: Hashable, result: Result) -> None:
        """Store a result, whose size is about its number of values, unless it alone is too large. Its rows are copied,
        because callers may write into theirs."""
        cells = (len(result.rows) + 1) * (len(result.rows[0]) if result.rows else 1)
        if cells > MAX_CELLS_OF_RESULT:
            return
        stored = replace(result, rows=list(map(dict, result.rows)))
        with self._lock:
            if key in self._results:
                self._cells -= self._results.pop(key)[1]
            self._results[key] = (stored, cells)
            self._cells += cells
            while self._cells > self.max_cells:
                self._cells -= self._results.popitem(last=False)[1][1]

    def clear(self) -> None:
        with self._lock:
            self._results.clear()
            self._cells = 0


RESULTS = ResultCache()
