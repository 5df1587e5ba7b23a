"""The documentation's pages about links."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from links.api.operations import OPERATIONS, by_tag
from links.models import MOST_CONVERSIONS, Mode
from reports.docs import Page


def links(request: HttpRequest) -> dict[str, Any]:
    """Modes by their number."""
    return {"modes": Mode.choices, "most_conversions": MOST_CONVERSIONS}


def clickmeter(request: HttpRequest) -> dict[str, Any]:
    """Every operation, by tag."""
    return {"count": len(OPERATIONS), "by_tag": by_tag()}


COLLECT = (Page("links", "Tracked links", "Links, pixels and conversions; from a click to its revenue.", links),)
PROGRAMS = (Page("clickmeter", "Links API", "Links and their numbers; ClickMeter's programs work here.", clickmeter),)
