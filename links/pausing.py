"""Links that pause themselves: after their last click, or when their time is over.

A click that uses up a link's limit notes it; a thread beside the redirector, which itself touches no database, then
writes the status down. What has a date is looked for by a periodic task. Until the status is written the redirector
answers as if it were: `links.choose` decides from the limit itself.
"""

from __future__ import annotations

from datetime import datetime

from links.facts import LinkFacts
from links.models import Datapoint, Status
from links.services import datapoints_pause
from sites.fresh import Keeper

_used_up: dict[int, int] = {}  # link -> number of the click that used up its limit


def note_click(link: LinkFacts, turn: int) -> None:
    """Remember that click number `turn` of the link was its last, if it was. Costs nothing otherwise."""
    if link.pause_after_clicks and 0 < link.expiration_clicks <= turn and link.status == Status.ACTIVE:
        _used_up[link.link_id] = turn
        nudge()


def pause_used_up() -> int:
    """Pause the links whose last click was noted; how many. What cannot be written now is written next time."""
    paused = 0
    for link_id, turn in list(_used_up.items()):
        rows = Datapoint.objects.filter(pk=link_id, pause_after_clicks=True)
        paused += datapoints_pause(rows=rows.filter(expiration_clicks__gt=0, expiration_clicks__lte=turn))
        _used_up.pop(link_id, None)
    return paused


def pause_expired(*, now: datetime) -> int:
    """Pause the links whose time is over and that were to pause then; how many."""
    return datapoints_pause(rows=Datapoint.objects.filter(pause_after_date=True, expiration_date__lte=now))


def forget() -> None:
    """Know nothing, as in a fresh process (tests)."""
    _used_up.clear()


keeper = Keeper("links that pause themselves", ((pause_used_up, 0.0),), at_end=pause_used_up)
start, stop, nudge = keeper.start, keeper.stop, keeper.nudge
