"""Goals and segments that a filter names by number: each must be one that whoever asks can fetch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from goals.querysets import goal_of, segments_of
from reports.engine import filters
from reports.engine.refusal import QueryRefused


def check_named(where: Any, sites: Sequence[int], user_id: int | None, place: str = "where") -> None:
    """Raise QueryRefused where a filter names a goal of none of the sites, or a segment the user may not see.

    `user_id`: who asks; None for nobody and for programs, who see shared segments only. What a segment itself names was
    checked when it was saved.
    """
    for one in filters.named(filters.parse(where)):
        if one.kind == "goal":
            goal = goal_of(sites, one.number)
            there = goal is not None and goal.active
        else:
            there = segments_of(sites, user_id).filter(pk=one.number).exists()
        if not there:
            raise QueryRefused(f"There is no {one.kind} {one.number} on this site.", place)


def check_segment_filter(where: Any, site_id: int, owner_id: int | None) -> None:
    """The same of a filter that is to be kept as a segment."""
    check_named(where, (site_id,), owner_id)
