"""Experiments: who saw which variant of a page, and how many of them reached a goal afterwards.

Only visitors who saw one variant count; those who saw several are counted on their own. The interval of a rate is
Wilson's score interval at 95 percent: it holds for few visitors and for rates near 0 and 100 percent, where others are
too narrow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from reports.query.analyses.base import build_context, fetch_page, parse_event_filters, write_visit_condition
from reports.query.context import QueryContext
from reports.query.filters import FilterInput, Node
from reports.query.periods import Period
from reports.query.references import GoalSource
from reports.query.sql.conditions import ConditionBuilder
from reports.query.sql.select import Select

Z = 1.959963984540054  # of a two-sided 95 percent interval
MAX_EXPERIMENTS, MAX_VARIANTS = 100, 50


@dataclass(frozen=True)
class Variant:
    """One variant: its visitors and those of them who reached the goal."""

    name: str
    visitors: int
    converted: int

    @property
    def rate(self) -> float:
        """The conversion rate, 0 to 1."""
        return self.converted / self.visitors if self.visitors else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The confidence interval of the rate, 0 to 1."""
        return compute_wilson_interval(self.converted, self.visitors)


def compute_wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """Return Wilson's score interval at 95 percent; 0 to 1 without any trial."""
    if not trials:
        return 0.0, 1.0
    share, square = successes / trials, Z * Z
    middle = share + square / (2 * trials)
    margin = Z * math.sqrt(share * (1 - share) / trials + square / (4 * trials * trials))
    divisor = 1 + square / trials
    low, high = (middle - margin) / divisor, (middle + margin) / divisor
    return (0.0 if not successes else max(0.0, low), 1.0 if successes == trials else min(1.0, high))


def list_experiments(
    site_id: int, period: Period, where: FilterInput = None, *, now: datetime, source: GoalSource | None = None
) -> list[str]:
    """Return the names of the experiments that ran in the period, those with most visitors first."""
    context = build_context((site_id,), period, where, now, source)
    return [str(row["split_test"]) for row in fetch_page(context, select_experiments(context), MAX_EXPERIMENTS)]


def select_experiments(context: QueryContext) -> Select:
    """Select the experiments and their visitors, those with most visitors first."""
    events = context.from_events(write_visit_condition(context), "split_test != ''")
    columns = ["split_test", "uniq(device) AS visitors"]
    return Select(columns, events, "split_test", order_by=["visitors DESC", "split_test"])


def count_variants(
    site_id: int,
    period: Period,
    test: str,
    goals: Sequence[FilterInput],
    where: FilterInput = None,
    *,
    now: datetime,
    source: GoalSource | None = None,
) -> tuple[list[Variant], int]:
    """Return the variants of an experiment by name, and how many visitors saw several of them.

    `goals`: filter JSON of events; a visitor converted by any of them at or after first seeing the variant.
    """
    context = build_context((site_id,), period, where, now, source)
    trees = parse_event_filters((site_id,), goals, source, "goal")
    rows = fetch_page(context, select_variants(context, test, trees), MAX_VARIANTS)
    variants = [
        Variant(str(row["variant"]), int(row["visitors"]), int(row["converted"])) for row in rows if not row["mixed"]
    ]
    return variants, sum(int(row["visitors"]) for row in rows if row["mixed"])


def select_variants(context: QueryContext, test: str, goals: Sequence[Node]) -> Select:
    """Select the variants with their visitors and those who converted; `mixed`: who saw several of them."""
    conditions = ConditionBuilder(context)
    reached = " OR ".join(f"({conditions.for_events(tree)})" for tree in goals) or "0"
    in_experiment = f"split_test = {context.params.bind_text(test)}"
    visitors = Select(
        [
            f"{context.visitor_sql} AS who", f"groupUniqArrayIf(2)(split_arm, {in_experiment}) AS variants",
            f"minIf(ts, {in_experiment}) AS since", f"maxIf(ts, {reached}) AS reached",
            f"countIf({reached}) > 0 AS converts",
        ],
        context.from_events(write_visit_condition(context)), "who", having="notEmpty(variants)",
    )  # fmt: skip
    columns = [
        "if(length(variants) = 1, variants[1], '') AS variant", "length(variants) > 1 AS mixed",
        "count() AS visitors", "countIf(converts AND reached >= since) AS converted",
    ]  # fmt: skip
    return Select(columns, visitors.as_rows(), "variant, mixed", order_by=["mixed", "variant"])
