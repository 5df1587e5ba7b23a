"""Why a request to a stranger's address gave no answer."""

from __future__ import annotations


class OutboundError(Exception):
    """Why there is no answer, as a sentence for the person who typed the address."""


class OutboundNotMade(OutboundError):
    """The request could not be made for a reason of this installation; it says nothing about the address."""


class OutboundForbidden(OutboundNotMade):
    """The address lies in a network that must not be reached."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"{host[:80]} lies in a network that may not be reached from here."
            " Whoever runs this installation can allow it with ALLOWED_OUTBOUND."
        )
