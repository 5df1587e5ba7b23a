"""Keeps a migrated SQLite database between runs, because migrating takes longer than most test files."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@cache
def hash_migrations() -> str:
    """A word that changes with any migration, with the settings they read and with Django."""
    found = hashlib.sha256(metadata.version("django").encode())
    for path in sorted([*ROOT.glob("[a-z]*/**/migrations/*.py"), *ROOT.glob("config/*.py")]):
        found.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return found.hexdigest()[:16]


def copy_database(folder: Path, name: Path) -> bool:
    """Copy the kept database, as it was migrated, to a new file; returns whether there is one."""
    kept = folder / f"{hash_migrations()}.sqlite3"
    if kept.exists():
        shutil.copyfile(kept, name)
    return kept.exists()


@contextmanager
def borrow_database(folder: Path, name: str) -> Iterator[None]:
    """Inside, Django migrates the database file `name`, which begins as a copy of the kept one where there is one.

    Of workers that start side by side the first migrates, and the others wait for its copy.
    """
    kept = folder / f"{hash_migrations()}.sqlite3"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if kept.exists():
            shutil.copyfile(kept, name)
            fcntl.flock(lock, fcntl.LOCK_UN)
        yield
        if not kept.exists():
            for older in folder.glob("*.sqlite3"):
                older.unlink()
            unfinished = kept.with_suffix(".unfinished")
            unfinished.unlink(missing_ok=True)
            with closing(sqlite3.connect(name)) as source, closing(sqlite3.connect(unfinished)) as target:
                source.backup(target)
            unfinished.rename(kept)
