"""Errors of outbound requests."""

from __future__ import annotations


class OutboundError(Exception):
    """A request without a response; the text is a sentence for the user who entered the URL."""


class OutboundNotMade(OutboundError):
    """A request that could not be sent for a reason on this side, which says nothing about the remote server."""


class OutboundForbidden(OutboundNotMade):
    """A request to a network that must not be reached."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"{host[:80]} lies in a network that may not be reached from here."
            " The operator of this installation can allow it with ALLOWED_OUTBOUND."
        )
