"""What this product writes is for its own user alone: databases, spool, mails with log-in links, keys."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

OTHERS = stat.S_IRWXG | stat.S_IRWXO  # permissions of the group and of everybody else
log = logging.getLogger(__name__)


def restrict_new_files() -> None:
    """Make what this process and its children create from now on readable by their user only."""
    os.umask(OTHERS)


def close_to_others(directory: Path) -> int:
    """Take all permissions on `directory` and what is below it from the group and others; how many had some.

    Links are not followed. What belongs to another user stays as it is, and the log says so."""
    changed, refused = 0, []
    for path, mode in open_to_others(directory):
        try:
            path.chmod(mode & ~OTHERS)
            changed += 1
        except PermissionError:
            refused.append(path)
        except FileNotFoundError:  # it went away meanwhile
            continue
    if changed:
        log.warning("%s: closed %d files and directories to other users of this machine", directory, changed)
    if refused:
        log.warning(
            "%d files stay open to other users, as they belong to one; %s is the first", len(refused), refused[0]
        )
    return changed


def open_to_others(directory: Path) -> Iterator[tuple[Path, int]]:
    """The directory and everything below it on which the group or others have any permission, with its mode."""
    waiting = [directory]
    while waiting:
        path = waiting.pop()
        try:
            mode = path.lstat().st_mode
            if mode & OTHERS and not stat.S_ISLNK(mode):
                yield path, stat.S_IMODE(mode)
            if stat.S_ISDIR(mode):
                waiting.extend(Path(entry.path) for entry in os.scandir(path))
        except (FileNotFoundError, PermissionError):
            continue
