"""Access control for the goals and segments that a filter refers to by id."""

from __future__ import annotations

from collections.abc import Sequence

from goals.selectors import filter_visible_segments, find_goal
from reports.query import filters
from reports.query.errors import QueryRefused


def check_goals_and_segments(where: object, sites: Sequence[int], user_id: int | None, place: str = "where") -> None:
    """Raise QueryRefused if a filter refers to a goal of another site, or to a segment that the user may not see.

    Without a user (`user_id` None: anonymous visitors, programs) only shared segments are visible. The filter of a
    segment itself was checked when it was saved. `place` is the part of the request that the error names.
    """
    for reference in filters.find_references(filters.parse(where)):
        if reference.kind == "goal":
            goal = find_goal(sites, reference.number)
            exists = goal is not None and goal.active
        else:
            exists = filter_visible_segments(sites, user_id).filter(pk=reference.number).exists()
        if not exists:
            raise QueryRefused(f"There is no {reference.kind} {reference.number} on this site.", place)


def check_segment_filter(where: object, site_id: int, owner_id: int | None) -> None:
    """Check a filter that is saved as a segment in the same way."""
    check_goals_and_segments(where, (site_id,), owner_id)
