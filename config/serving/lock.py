"""A lock that allows one `serve` per DATA_DIR. The kernel releases it when the process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class AlreadyServing(RuntimeError):
    """Another process serves from this directory. The message is shown to the user."""


@contextmanager
def hold_serving_lock(data_dir: Path) -> Iterator[None]:
    """Hold the lock on the directory. Raises AlreadyServing."""
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
