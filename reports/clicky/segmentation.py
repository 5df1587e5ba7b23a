"""`type=segmentation&segments=visitors,pages&country=…` and `type=segmentation,visitors&country=…`: both spellings.

The visitor filters narrow every segment; each block carries the segment's name as its type.
"""

from __future__ import annotations

from reports.clicky.asked import Asked

SELF = "segmentation"
DEFAULT = "visitors"


def expanded(asked: Asked) -> tuple[str, ...]:
    """The types to answer, in order: `segmentation` replaced by what it names."""
    if not asked.segmented:
        return asked.types
    beside = tuple(name for name in asked.types if name != SELF)
    named = asked.segments or (() if beside else (DEFAULT,))
    return tuple(dict.fromkeys([*(name for name in named if name != SELF), *beside]))
