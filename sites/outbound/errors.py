"""Errors of outbound requests."""

from __future__ import annotations


class OutboundError(Exception):
    """A request without response; the text is a sentence for the person who entered the URL."""


class OutboundNotMade(OutboundError):
    """The request could not be sent for a reason on this side; that says nothing about the remote server."""


class OutboundForbidden(OutboundNotMade):
    """The address lies in a network that must not be reached."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"{host[:80]} lies in a network that may not be reached from here."
            " The operator of this installation can allow it with ALLOWED_OUTBOUND."
        )
