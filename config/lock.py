"""One `serve` per DATA_DIR: the kernel holds the lock, so a killed process never leaves one behind."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class AlreadyServing(RuntimeError):
    """Another process serves from this directory; the text is for a person."""


@contextmanager
def serving_lock(data_dir: Path) -> Iterator[None]:
    """Hold the directory. Raises AlreadyServing."""
    path = data_dir / "serve.lock"
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            other = file.read().strip() or "unknown"
            raise AlreadyServing(
                f"Footfall already serves from {data_dir} (process {other}); stop it, or set another DATA_DIR."
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
