"""A goal in a filter: which events count as its conversions, and which visits the other metrics are of."""

from __future__ import annotations

from typing import Any

import pytest

from reports.query import filters
from reports.query.filters import FilterGroup, Node, Not, Reference, Visited

GOAL = Reference("goal", 1, filters.parse({"dimension": "event", "operator": "is", "value": "Buy"}))
OTHER = Reference("goal", 2, filters.parse({"dimension": "page", "operator": "is", "value": "/thanks"}))


def leaf(dimension: str, value: Any, operator: str = "is") -> Node:
    found = filters.parse({"dimension": dimension, "operator": operator, "value": value})
    assert found is not None
    return found


COUNTRY, PAGE, PLAN = leaf("country", "DE"), leaf("page", "/a"), leaf("prop:plan", "pro")
HOUR, SPENT = leaf("hour_of_day", "9"), leaf("amount", 10, "at_least")
TOGETHER = FilterGroup("and", (GOAL, COUNTRY, PAGE, PLAN))


def test_required_goals_are_found_at_the_top_level_in_lists_and_in_segments() -> None:
    either = FilterGroup("or", (GOAL, OTHER))
    assert filters.remove_goals(GOAL) == (None, (1,))
    assert filters.remove_goals(FilterGroup("and", (either, COUNTRY))) == (COUNTRY, (1, 2))
    assert filters.remove_goals(Reference("segment", 7, FilterGroup("and", (GOAL, PAGE)))) == (PAGE, (1,))
    for tree in (COUNTRY, Not(GOAL), FilterGroup("or", (GOAL, COUNTRY)), Visited(GOAL)):
        assert filters.remove_goals(tree) == (tree, ())


def test_conversions_are_of_the_events_that_reach_the_goal_in_visits_that_saw_the_page() -> None:
    assert filters.filter_goal_events(TOGETHER) == FilterGroup("and", (GOAL, COUNTRY, Visited(PAGE), PLAN))
    assert filters.filter_goal_events(GOAL) == GOAL


def test_other_metrics_are_of_the_visits_in_which_the_goal_was_reached() -> None:
    assert filters.filter_goal_visits(TOGETHER) == FilterGroup(
        "and", (COUNTRY, PAGE, Visited(FilterGroup("and", (GOAL, PLAN))))
    )
    assert filters.filter_goal_visits(GOAL) == Visited(GOAL)


@pytest.mark.parametrize("own", [PLAN, SPENT])
def test_conditions_on_the_goals_event_do_not_apply_to_the_rest_of_the_visit(own: Node) -> None:
    assert filters.filter_goal_visits(FilterGroup("and", (GOAL, own))) == Visited(FilterGroup("and", (GOAL, own)))


def test_conditions_on_time_apply_to_both() -> None:
    assert filters.filter_goal_visits(FilterGroup("and", (GOAL, HOUR))) == FilterGroup(
        "and", (HOUR, Visited(FilterGroup("and", (GOAL, HOUR))))
    )


def test_with_two_goals_visits_reached_both_and_events_either() -> None:
    both = FilterGroup("and", (GOAL, OTHER))
    assert filters.filter_goal_visits(both) == FilterGroup("and", (Visited(GOAL), Visited(OTHER)))
    assert filters.filter_goal_events(both) == FilterGroup(
        "and", (FilterGroup("or", (GOAL, OTHER)), Visited(GOAL), Visited(OTHER))
    )


def test_the_dimension_goal_selects_the_goal_and_is_not_visits_without_it() -> None:
    assert filters.parse({"dimension": "goal", "operator": "is", "value": 1}) == Reference("goal", 1)
    assert filters.parse({"dimension": "goal", "operator": "is_not", "value": [1]}) == Not(
        Visited(Reference("goal", 1))
    )
