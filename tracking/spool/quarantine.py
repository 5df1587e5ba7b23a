"""Lines that the store can never take are found, kept apart and counted; the others of their segment get in."""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path

import orjson

from tracking import store

MOST_INSERTS = 2_000  # while looking for bad lines in one segment
log = logging.getLogger(__name__)


class Quarantine:
    """SPOOL_DIR/quarantine: one file per segment that had bad lines."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "quarantine"
        self.lines = sum(path.read_bytes().count(b"\n") for path in self.folder.glob("*.bad"))

    def insert_without_bad_lines(self, path: Path, table: str, token: str) -> int:
        """Insert a refused segment's good lines; returns how many were bad. Raises StoreError (then do it again).

        Halves are inserted under names made from the segment's and their place in it, so doing it again after a
        crash changes nothing: the lines of a sealed segment never change.
        """
        lines = path.read_bytes().splitlines(keepends=True)
        bad = {index for index, line in enumerate(lines) if not is_object(line)}
        spans, inserts = [(0, len(lines))], 0
        while spans:
            start, end = spans.pop()
            good = [lines[index] for index in range(start, end) if index not in bad]
            if not good:
                continue
            inserts += 1
            try:
                self._insert(good, table, f"{token}.{start}-{end}")
            except store.BadRows:
                if len(good) == 1 or inserts > MOST_INSERTS:
                    bad.update(range(start, end))
                else:
                    middle = (start + end) // 2
                    spans += [(middle, end), (start, middle)]
        self._keep(path.stem, [lines[index] for index in sorted(bad)])
        return len(bad)

    def _insert(self, lines: list[bytes], table: str, token: str) -> None:
        with tempfile.NamedTemporaryFile(dir=self.folder.parent, prefix="half-") as file:
            file.writelines(lines)
            file.flush()
            store.insert_file(Path(file.name), table, token)

    def _keep(self, name: str, lines: list[bytes]) -> None:
        if not lines:
            return
        self.folder.mkdir(exist_ok=True, mode=0o700)
        kept = self.folder / f"{name}.bad"
        known = kept.read_bytes().count(b"\n") if kept.exists() else 0
        half = kept.with_suffix(".new")
        half.write_bytes(b"".join(line if line.endswith(b"\n") else line + b"\n" for line in lines))
        os.replace(half, kept)
        self.lines += len(lines) - known
        log.error("%d lines of the spool lie in %s", len(lines), kept)


def is_object(line: bytes) -> bool:
    """Whether a line is one JSON object."""
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False
