"""The state of this process, made once at its start and handed to the endpoints (`config.asgi`)."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from django.conf import settings

from tracking import spool
from tracking.state.base import State
from tracking.state.ended_processes import settle_claims
from tracking.state.opening import open_state

state: State = open_state(settings.DATA_DIR, settings.REDIS_URL, settings.STATE_SOCKET)
if state.outlives_processes:
    spool.use_claims(is_settled=state.is_settled, on_ended=partial(settle_claims, state.note_ended))


def rotate_salts(*, now: datetime) -> None:
    """Create the day's salt and destroy those older than 48 hours, even if no visitor came."""
    state.rotate_salts(now)
