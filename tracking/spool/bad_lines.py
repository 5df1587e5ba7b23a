"""Find lines that the store can never insert, move them to files of their own, and insert the rest of the segment."""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path

import orjson

from tracking import store

MAX_INSERTS = 2_000  # of one segment, while searching bad lines by bisection
log = logging.getLogger(__name__)


class BadLines:
    """SPOOL_DIR/quarantine: one file per segment that had bad lines."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "quarantine"
        self.lines = sum(path.read_bytes().count(b"\n") for path in self.folder.glob("*.bad"))

    def insert_without_bad_lines(self, path: Path, table: str, token: str) -> int:
        """Insert the good lines of a segment and return how many were bad. Raises StoreError; then repeat it.

        Parts are inserted under tokens derived from the segment's and their position in it, so repeating it after a
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
                if len(good) == 1 or inserts > MAX_INSERTS:
                    bad.update(range(start, end))
                else:
                    middle = (start + end) // 2
                    spans += [(middle, end), (start, middle)]
        self._store_bad_lines(path.stem, [lines[index] for index in sorted(bad)])
        return len(bad)

    def _insert(self, lines: list[bytes], table: str, token: str) -> None:
        with tempfile.NamedTemporaryFile(dir=self.folder.parent, prefix="half-") as file:
            file.writelines(lines)
            file.flush()
            store.insert_file(Path(file.name), table, token)

    def _store_bad_lines(self, name: str, lines: list[bytes]) -> None:
        if not lines:
            return
        self.folder.mkdir(exist_ok=True, mode=0o700)
        file = self.folder / f"{name}.bad"
        stored_before = file.read_bytes().count(b"\n") if file.exists() else 0
        temporary = file.with_suffix(".new")
        temporary.write_bytes(b"".join(line if line.endswith(b"\n") else line + b"\n" for line in lines))
        os.replace(temporary, file)
        self.lines += len(lines) - stored_before
        log.error("%d lines of the spool are in %s", len(lines), file)


def is_object(line: bytes) -> bool:
    """Return whether a line is a JSON object."""
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False
