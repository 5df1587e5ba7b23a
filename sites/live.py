"""What the settings pages want to know of a site's traffic. A higher room answers; it is registered in config."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Traffic:
    """The newest stored event of a site, if there is one, and what was refused lately: {sentence: hits}."""

    last_event: datetime | None = None
    page: str = ""
    refused: dict[str, int] = field(default_factory=dict)


Answerer = Callable[[int, datetime], Traffic | None]
_traffic: Answerer | None = None


def register_traffic(answer: Answerer) -> None:
    """Say who answers: a function of a site's id and the present moment, which gives None when it cannot tell."""
    global _traffic
    _traffic = answer


def traffic(site_id: int, now: datetime) -> Traffic | None:
    """The site's latest traffic; None where nobody can tell at the moment."""
    return _traffic(site_id, now) if _traffic else None
