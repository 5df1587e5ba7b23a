"""What a process that was killed had claimed and not stored is free again.

A hit claims its sender's id, and a conversion its parameter, before its event is in the spool. If its process is killed
in between, whoever repeats it must not hear that it is a duplicate. The next process finds what was stored in the spool
that it adopts, and tells the state, before any of it moves.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import orjson

from tracking.spool import EndedProcess
from tracking.state.questions import RestoreClaim

LAST_SECONDS = 600.0  # of a process: it tells the state within milliseconds what is in its spool, or the state is away
Row = Mapping[str, object]
NoteEnded = Callable[[str, list[int], list[RestoreClaim]], None]  # its number, its events, what else they claim
ClaimFinder = Callable[[Row], Iterator[RestoreClaim]]
log = logging.getLogger(__name__)
_finders: list[ClaimFinder] = []


def register_claim_finder(find: ClaimFinder) -> None:
    """Register a function that yields what a row of the spool has claimed besides its sender's id."""
    _finders.append(find)


def settle_claims(note_ended: NoteEnded, ended: EndedProcess) -> None:
    """Tell the state what a process that has ended left in its spool."""
    if not ended.is_certain:
        log.warning("what process %s had claimed stays undecided: Redis was away when it stored events", ended.number)
        return
    event_ids: list[int] = []
    claims: list[RestoreClaim] = []
    try:
        for row in read_last_rows(ended.paths):
            if isinstance(number := row.get("id"), int):
                event_ids.append(number)
            claims += [claim for find in _finders for claim in find(row)]
        note_ended(ended.number, event_ids, claims)
    except Exception:  # a row of another release, for instance; it must not keep the server from starting
        log.exception("what process %s had claimed stays undecided", ended.number)


def read_last_rows(paths: list[Path]) -> Iterator[Row]:
    """Yield the rows of the segments that were written in the last minutes of their process."""
    times = {path: path.stat().st_mtime for path in paths}
    for path, modified in times.items():
        if modified >= max(times.values()) - LAST_SECONDS:
            for line in path.read_bytes().splitlines():
                try:
                    row = orjson.loads(line)
                except orjson.JSONDecodeError:  # incomplete: it was never answered
                    continue
                if isinstance(row, dict):
                    yield row
