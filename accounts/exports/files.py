"""The files of exports, in a folder of DATA_DIR: written in parts, read in parts, deleted with their rows."""

from __future__ import annotations

import logging
import secrets
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from asgiref.sync import sync_to_async
from django.conf import settings

from accounts.exports.registry import Row
from accounts.spreadsheets import BYTE_ORDER_MARK, format_csv

log = logging.getLogger(__name__)
PART_ROWS = 1_000
MAX_BYTES = 100_000_000  # of one file
CHUNK_BYTES = 256 * 1024
ENDING, UNFINISHED = ".csv", ".part"


@dataclass(frozen=True)
class WrittenFile:
    """A finished file: its name, the number of rows without headings, its bytes, and whether it has all rows of the
    table."""

    name: str
    rows: int
    size: int
    is_complete: bool


def get_folder() -> Path:
    """Return the folder, which is created when it is first needed."""
    folder: Path = settings.DATA_DIR / "exports"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_csv_file(rows: Iterable[Row], max_rows: int) -> WrittenFile:
    """Write the rows, headings first, as a CSV file with a name that nobody guesses.

    It ends at `max_rows` or MAX_BYTES. An unfinished file has another ending, so that nobody downloads half of it.
    """
    name = secrets.token_urlsafe(24)
    unfinished = get_folder() / f"{name}{UNFINISHED}"
    iterator, written, size, has_more = iter(rows), 0, 0, False
    try:
        with unfinished.open("wb") as file:
            size += file.write(BYTE_ORDER_MARK.encode())
            while part := list(islice(iterator, min(PART_ROWS, max_rows + 1 - written))):
                size += file.write(format_csv(part).encode())
                written += len(part)
                has_more = written > max_rows or size > MAX_BYTES
                if has_more:
                    break
        has_more = has_more and next(iterator, None) is not None
        unfinished.rename(unfinished.with_suffix(ENDING))
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    return WrittenFile(f"{name}{ENDING}", max(written - 1, 0), size, not has_more)


def find_file(name: str) -> Path | None:
    """Return the path of a file; None if it is not there, such as on another machine."""
    path = get_folder() / name
    return path if name and path.is_file() else None


async def stream_file(path: Path) -> AsyncIterator[bytes]:
    """Yield the file in parts, so that none is in memory as a whole."""
    first = 0
    while part := await sync_to_async(read_part)(path, first):
        yield part
        first += len(part)


def read_part(path: Path, first: int) -> bytes:
    """Read CHUNK_BYTES of a file, or what is left of it. A file that is written never changes."""
    with path.open("rb") as file:
        file.seek(first)
        return file.read(CHUNK_BYTES)


def delete_file(name: str) -> None:
    """Delete a file, if it is there."""
    if name:
        (get_folder() / name).unlink(missing_ok=True)


def delete_files_except(names: set[str], before: float) -> int:
    """Delete files that were last written before a time and have none of these names; return how many."""
    deleted = 0
    for path in get_folder().iterdir():
        try:
            if path.name not in names and path.stat().st_mtime < before:
                path.unlink()
                deleted += 1
        except OSError as error:  # such as one that another process has deleted
            log.warning("%s could not be deleted: %s", path, error.strerror)
    return deleted
