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
from reports.query.filters import FilterInput
from reports.query.periods import Period
from reports.query.references import GoalSource
from reports.query.sql.conditions import ConditionBuilder

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
    source_sql = context.from_events(write_visit_condition(context), IN_EXPERIMENT)
    sql = (
        f"SELECT split_test, uniq(device) AS visitors {source_sql} "
        "GROUP BY split_test ORDER BY visitors DESC, split_test"
    )
    return [str(row["split_test"]) for row in fetch_page(context, sql, MAX_EXPERIMENTS)]


IN_EXPERIMENT = "split_test != ''"


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
    conditions = ConditionBuilder(context)
    trees = parse_event_filters((site_id,), goals, source, "goal")
    reached = " OR ".join(f"({conditions.for_events(tree)})" for tree in trees) or "0"
    in_experiment = f"split_test = {context.params.bind_text(test)}"
    visitors = (
        f"SELECT {context.visitor_sql} AS who, groupUniqArrayIf(2)(split_arm, {in_experiment}) AS variants, "
        f"minIf(ts, {in_experiment}) AS since, maxIf(ts, {reached}) AS reached, countIf({reached}) > 0 AS converts "
        f"{context.from_events(write_visit_condition(context))} GROUP BY who HAVING notEmpty(variants)"
    )
    sql = (
        "SELECT if(length(variants) = 1, variants[1], '') AS variant, length(variants) > 1 AS mixed, "
        "count() AS visitors, countIf(converts AND reached >= since) AS converted "
        f"FROM ({visitors}) GROUP BY variant, mixed ORDER BY mixed, variant"
    )
    rows = fetch_page(context, sql, MAX_VARIANTS)
    variants = [
        Variant(str(row["variant"]), int(row["visitors"]), int(row["converted"])) for row in rows if not row["mixed"]
    ]
    return variants, sum(int(row["visitors"]) for row in rows if row["mixed"])
