"""The toolbar above a report: visitors online, filters, segments, period and comparison, each choice with its link."""

from __future__ import annotations

from dataclasses import dataclass, replace

from django.http import HttpRequest

from accounts.permissions import Actor
from goals.models import Segment
from goals.selectors import filter_segments_of_site, list_active_goals
from reports.dashboard.presenters.tables import count_online
from reports.dashboard.scope import Context
from reports.dashboard.state import COMPARISONS, PERIODS, FilterCondition, ReportState
from reports.labels import label_value
from reports.query.dimensions import DIMENSIONS, get_dimension

OPERATOR_LABELS = {
    "is": "is", "is_not": "is not", "contains": "contains", "not_contains": "does not contain",
    "starts_with": "starts with", "ends_with": "ends with", "matches": "matches", "at_least": "is at least",
    "at_most": "is at most",
}  # fmt: skip


@dataclass(frozen=True)
class FilterTag:
    """A filter in words, and the address of the report without it."""

    label: str
    href: str


def build_toolbar(request: HttpRequest, state: ReportState, live: bool = True) -> Context:
    """Return the context of the toolbar. Without `live`, the number of visitors online is left to be loaded later."""
    allowed, link = state.scope.dimensions, state.build_period_link()
    return {
        **state.scope.build_context(),
        "state": state,
        "online": count_online(state) if live else None,
        "filter_tags": build_filter_tags(state, request.user),
        "segments": build_segment_choices(request, state) if state.scope.has_site_pages else [],
        "clear": state.without_filters().href(),
        "periods": [(label, link(name), name == state.period_name, key) for name, label, key in PERIODS],
        "comparisons": [
            (label, replace(state, comparison=name).href(), name == state.comparison) for name, label in COMPARISONS
        ],
        "filters": [
            row
            for row in DIMENSIONS.values()
            if row.audience == "site"
            and row.family in ("visit", "entry", "event")
            and row.groupable
            and (allowed is None or row.name in allowed)
        ],
        "operators": OPERATOR_LABELS.items(),
        "hidden": state.list_parameters_without("period", "from"),
        "hidden_comparison": state.list_parameters_without("compare"),
        "earlier": state.shift_period(-1).href() if state.period_name != "all" else "",
        "later": state.shift_period(1).href() if state.period.end <= state.now else "",
        **state.scope.build_toolbar_context(state),
    }


def build_segment_choices(request: HttpRequest, state: ReportState) -> list[tuple[Segment, str, bool]]:
    """Return (segment, address, whether it is active) of the segments the reader may see."""
    return [
        (segment, replace(state, segment=segment.pk).href(), segment.pk == state.segment)
        for segment in filter_segments_of_site(state.site, request.user)
    ]


def build_filter_tags(state: ReportState, user: Actor) -> list[FilterTag]:
    """Return the filters of a report in words."""
    tags = [FilterTag(describe_condition(state, row), state.without_filter(row).href()) for row in state.conditions]
    if state.segment:
        segments = filter_segments_of_site(state.site, user).filter(pk=state.segment)
        tags += [FilterTag(f"Segment: {segment.name}", replace(state, segment=0).href()) for segment in segments]
    return tags


def describe_condition(state: ReportState, condition: FilterCondition) -> str:
    """Return one filter in words, such as "Country is Estonia or Finland"."""
    dimension = get_dimension(condition.dimension, "")
    goals = {str(goal.pk): goal.name for goal in list_active_goals(state.site_ids)} if dimension.name == "goal" else {}
    values = " or ".join(goals.get(value) or label_value(dimension, value) for value in condition.values)
    return f"{dimension.label} {OPERATOR_LABELS[condition.operator]} {values}"
