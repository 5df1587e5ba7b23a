"""What the analyses share: the context of their period and filter, and rows of one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from reports.query import filters
from reports.query.context import MAX_VISIT_LENGTH, QueryContext
from reports.query.data_version import read_version
from reports.query.errors import QueryRefused
from reports.query.execution_limits import run_statement
from reports.query.filters import FilterInput, Node
from reports.query.model import MAX_OFFSET, MAX_ROWS, Row, check_integer, parse_sites
from reports.query.periods import Period
from reports.query.references import GoalSource, ReferenceResolver, StoredGoals
from reports.query.sql.conditions import ConditionBuilder
from reports.query.sql.select import Select


def build_context(
    sites: Sequence[int], period: Period, where: FilterInput, now: datetime | None, source: GoalSource | None
) -> QueryContext:
    """Check the sites and the filter (JSON) and look up its goals and segments. Raises QueryRefused."""
    site_ids = parse_sites(list(sites))
    tree = filters.parse(where)
    resolved = ReferenceResolver(site_ids, source or StoredGoals()).resolve(tree, "where") if tree else None
    context = QueryContext(sites=site_ids, period=period, now=now or datetime.now(UTC), tree=resolved)
    return replace(context, has_persons=read_version(context).has_persons)


def fetch_page(context: QueryContext, select: Select, limit: int, offset: int = 0) -> list[Row]:
    """Return the rows of one page of a SELECT, with instants in UTC.

    Raises QueryRefused for a page that is out of range or takes too much, StoreError if the store fails.
    """
    check_integer(limit, "limit", 1, MAX_ROWS)
    check_integer(offset, "offset", 0, MAX_OFFSET)
    result = run_statement(replace(select, limit=limit, offset=offset), context.params.values, context.sites)
    return [{name: to_utc(value) for name, value in row.items()} for row in result.dicts()]


def to_utc(value: object) -> object:
    """Convert an instant to UTC; return any other value unchanged."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return value


def write_visit_condition(context: QueryContext) -> str:
    """Write the condition that an event's visit satisfies the filter; empty for no filter."""
    if context.tree is None:
        return ""
    condition = ConditionBuilder(context).for_visits(context.tree)
    return f"visit IN ({context.select_visits(['visit'], condition, before=MAX_VISIT_LENGTH)})"


def parse_event_filters(
    sites: Sequence[int], event_filters: Sequence[FilterInput], source: GoalSource | None, where: str
) -> list[Node]:
    """Parse filters of events and look up their goals. Raises QueryRefused for an empty one or a missing goal."""
    lookup = ReferenceResolver(tuple(sites), source or StoredGoals())
    trees = []
    for index, event_filter in enumerate(event_filters):
        tree = filters.parse(event_filter, f"{where}[{index}]")
        if tree is None:
            raise QueryRefused("Every step needs a goal or a page.", f"{where}[{index}]")
        trees.append(lookup.resolve(tree, f"{where}[{index}]"))
    return trees
