"""Rows of chosen values equal those of the complete breakdown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reports.query import Query, QueryRefused, ask
from reports.query.dimensions import DIMENSIONS
from tests.reports.query.test_grouped_queries import BY, GOALS, question, rolled, world  # noqa: F401
from tests.reports.query.test_rollups import NOW

CHOSEN = [name for name in BY if name not in DIMENSIONS or DIMENSIONS[name].family not in ("time", "goal")]
METRICS = ("visitors", "visits", "views", "bounce_rate", "events", "conversions")
TRAVELLED = {"page", "entry_page", "country", "source", "browser", "city", "prop:plan"}  # what the world tells much of
FILTER = {"dimension": "country", "operator": "is", "value": "DE"}


def rows(query: Query, count: str) -> list[dict[str, Any]]:
    return ask(replace(query, metrics=(count,), limit=1000), now=NOW, source=GOALS, cache=False).rows


@pytest.mark.parametrize("where", [None, FILTER], ids=["everything", "one country"])
@pytest.mark.parametrize("name", CHOSEN)
def test_a_third_of_the_metrics_of_chosen_values_are_those_of_the_complete_breakdown(
    rolled: Any,  # noqa: F811
    name: str,
    where: Any,
) -> None:
    """Filtered it is another third."""
    compare(name, where, METRICS[(CHOSEN.index(name) + (where is None)) % 3 :: 3])


@pytest.mark.heavy
@pytest.mark.parametrize("where", [None, FILTER], ids=["everything", "one country"])
@pytest.mark.parametrize("name", CHOSEN)
def test_chosen_values_have_the_numbers_of_the_complete_breakdown(rolled: Any, name: str, where: Any) -> None:  # noqa: F811
    compare(name, where, METRICS)


def compare(name: str, where: Any, metrics: tuple[str, ...]) -> None:
    query = question(name, where=where)
    answered = 0
    for count in metrics:
        try:
            whole = rows(query, count)
        except QueryRefused:
            continue
        if chosen := whole[1::2] or whole:
            values = tuple(str(row[name]) for row in chosen)
            assert rows(replace(query, values=values), count) == chosen, count
            answered += 1
    assert answered > len(metrics) // 6 or name not in TRAVELLED


def test_chosen_values_of_time_or_of_two_dimensions_are_rejected() -> None:
    for dimensions in (("day",), ("country", "city"), ()):
        with pytest.raises(QueryRefused, match="“values” needs exactly one dimension"):
            question(*dimensions, values=("EE",))
    with pytest.raises(QueryRefused, match="A name is text"):
        question("country", values=(7,))


def test_a_chosen_value_without_data_has_no_row(rolled: Any) -> None:  # noqa: F811
    assert rows(question("page", values=("/nowhere",)), "visitors") == []
