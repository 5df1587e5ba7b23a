"""Live views that are open in tests."""

from __future__ import annotations

from tracking import live_streams
from tracking.live_streams import open_streams


def let_checks_be_due() -> None:
    """All streams were checked so long ago that they have to be checked again."""
    for stream in list(open_streams._streams):
        stream.checked_at -= live_streams.CHECK_SECONDS
