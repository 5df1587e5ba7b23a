"""What the event store holds during a test: what was recorded is inserted, and older rows are gone, before it is asked.

Inserting and emptying cost more than most tests do otherwise. So rows of earlier tests stay until somebody asks the
store; they still stay, and nothing is inserted, if what was recorded meanwhile is what the store holds already, byte
for byte. That is so in a row of tests that begin with the same traffic.
"""

from __future__ import annotations

import shutil
import threading
from contextlib import nullcontext
from pathlib import Path
from typing import TypeAlias
from unittest import mock

from django.conf import settings

from reports.query.result_cache import RESULTS
from tracking import spool, store
from tracking.event import Event
from tracking.store.locks import ChangeCounts, WriteLock, write_lock
from tracking.store.target import get_target

Contents: TypeAlias = tuple[tuple[str, bytes], ...]  # tables with months, and lines of each

EMPTY: Contents = ()
_recorded = False  # something waits in the spool
_outdated = False  # the store may have rows of earlier tests
_known: tuple[ChangeCounts, Contents] | None = None  # what was inserted into the empty store, until it changes again
_settling = threading.RLock()
_insert_file = store.insert_file


def record(*events: Event) -> None:
    """Put events into the store, the way they go: through the spool, in one insert before the next question."""
    global _recorded
    for each in events:
        spool.write_event(each)
    _recorded = True


def insert_recorded(**_: object) -> None:
    """Let what was recorded arrive. Whoever asks the store in a test comes through here first."""
    global _recorded, _outdated
    if not _recorded:
        forget_rows()
        return
    with _settling:
        _recorded, contents = False, read_spool()
        held = _outdated and holds(contents) and store.insert_file is _insert_file
        if held:
            _outdated = False
            RESULTS.clear()  # it keeps answers by the rows they are about, whatever settings a test had
        forget_rows()
        known = held or holds(EMPTY)
    before = count_changes()
    with mock.patch.object(store, "insert_file", count_insert) if held else nullcontext():
        spool.flush()
    remember(contents if known and count_changes() == tuple(count + len(contents) for count in before) else None)


def empty_store() -> None:
    """An empty spool and store. A store of this process alone is emptied when it is asked."""
    global _recorded, _outdated
    _recorded = False
    spool.stop(0)
    shutil.rmtree(settings.SPOOL_DIR, ignore_errors=True)
    if get_target().embedded:
        _outdated = True
    else:
        store.truncate()


def forget_rows() -> None:
    """Delete the rows of earlier tests, if there are any."""
    global _outdated
    if _outdated:
        with _settling:
            if _outdated:
                _outdated = False
                if not holds(EMPTY):
                    store.truncate()
                    remember(EMPTY)


def read_spool() -> Contents:
    """Read what waits in the spool, as the files that will be inserted."""
    paths = Path(settings.SPOOL_DIR).glob("*/*-*.*")
    return tuple(sorted((path.name.rpartition("-")[0], path.read_bytes()) for path in paths))


def holds(contents: Contents) -> bool:
    """Return whether these lines are exactly what the store holds."""
    return _known == (count_changes(), contents)


def remember(contents: Contents | None) -> None:
    """Remember what the store holds now, unless it is unknown or being changed."""
    global _known
    begun, ended = changes = count_changes()
    _known = (changes, contents) if contents is not None and begun == ended else None


def count_changes() -> ChangeCounts:
    """Return the store's changes. In tests, `write_lock` itself lets what was recorded arrive before it answers."""
    return WriteLock.get_change_counts(write_lock)


def count_insert(path: Path, table: str, token: str) -> None:
    """Take the place of an insert of what is there already: a change for everybody who has cached answers."""
    with write_lock:
        pass
