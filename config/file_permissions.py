"""File permissions: only the user who runs the server may access databases, spool, mails and keys."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

GROUP_AND_OTHERS = stat.S_IRWXG | stat.S_IRWXO  # permissions of the group and of everybody else
log = logging.getLogger(__name__)


def restrict_new_files() -> None:
    """Set the umask, so that new files of this process and its children are accessible to their user only."""
    os.umask(GROUP_AND_OTHERS)


def remove_others_access(directory: Path) -> int:
    """Remove all permissions of the group and others below `directory`; returns how many paths were changed.

    Symbolic links are not followed. What cannot be changed (files of other users, a read-only disk) is logged: a server
    starts all the same.
    """
    changed, failed = 0, []
    for path, mode in find_accessible_to_others(directory):
        try:
            path.chmod(mode & ~GROUP_AND_OTHERS)
            changed += 1
        except FileNotFoundError:  # it was deleted meanwhile
            continue
        except OSError:
            failed.append(path)
    if changed:
        log.warning("%s: removed the access of other users to %d files and directories", directory, changed)
    if failed:
        log.warning(
            "%d files and directories remain accessible to other users; %s is the first", len(failed), failed[0]
        )
    return changed


def find_accessible_to_others(directory: Path) -> Iterator[tuple[Path, int]]:
    """Yield the paths in a directory, itself included, on which the group or others have permissions, with the mode."""
    remaining = [directory]
    while remaining:
        path = remaining.pop()
        try:
            mode = path.lstat().st_mode
            if mode & GROUP_AND_OTHERS and not stat.S_ISLNK(mode):
                yield path, stat.S_IMODE(mode)
            if stat.S_ISDIR(mode):
                remaining.extend(Path(entry.path) for entry in os.scandir(path))
        except OSError:  # it was deleted meanwhile, or must not be read
            continue
