"""The pages about links in the documentation."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from links.clickmeter.operations import OPERATIONS, group_by_tag
from links.models import MAX_CONVERSIONS, Mode
from reports.docs import DocPage


def build_links_context(request: HttpRequest) -> dict[str, Any]:
    """Build the context of the page about links: the modes by their numbers."""
    return {"modes": Mode.choices, "most_conversions": MAX_CONVERSIONS}


def build_clickmeter_context(request: HttpRequest) -> dict[str, Any]:
    """Build the context of the page about the API: all operations by tag."""
    return {"count": len(OPERATIONS), "by_tag": group_by_tag()}


COLLECT = (
    DocPage(
        "links", "Tracked links", "Links, pixels and conversions; from a click to its revenue.", build_links_context
    ),
)
PROGRAMS = (
    DocPage(
        "clickmeter", "Links API", "Links and their numbers; ClickMeter's programs work here.", build_clickmeter_context
    ),
)
