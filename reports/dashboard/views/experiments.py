"""Experiments (A/B tests): which variant converts better, and how certain that is."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from goals.models import Goal
from goals.predicates import Filter
from goals.selectors import list_active_goals
from reports.dashboard.fragments import QUERY_ERRORS, describe_error
from reports.dashboard.presenters.toolbar import build_toolbar
from reports.dashboard.report_page import site_page
from reports.dashboard.scope import Context
from reports.dashboard.state import ReportState
from reports.formatting import FormattedValue, format_metric, format_percent
from reports.query.analyses import experiments
from reports.query.errors import QueryRefused, quote_value

MIN_VISITORS = 100  # of every variant, before anything can be concluded
MAX_EXPERIMENTS = 10
SCALES = (0.02, 0.05, 0.1, 0.2, 0.5)  # conversion rates at the right end of the pictures


@dataclass(frozen=True, kw_only=True)
class VariantRow:
    """A variant of an experiment; `low`, `width` and `at` are percent of the width of its picture."""

    name: str
    visitors: FormattedValue
    converted: FormattedValue
    rate: str
    range: str
    low: str
    width: str
    at: str


@dataclass(frozen=True, kw_only=True)
class ExperimentResult:
    """An experiment with its variants and a conclusion."""

    name: str
    lines: list[VariantRow]
    mixed: int
    verdict: str
    scale: str  # the conversion rate at the right end of the pictures


@site_page
def experiment_list(request: HttpRequest, state: ReportState) -> HttpResponse:
    """Display the experiments of the period, each with its variants."""
    goals, reach = list_active_goals([state.site.pk]), state.option("reach")
    chosen = next((goal for goal in goals if str(goal.pk) == reach), None)
    if reach and chosen is None:
        raise QueryRefused(f"There is no goal {quote_value(reach)} on this site.", "reach")
    context: Context = {
        **build_toolbar(request, state), "without_comparison": True,
        "section": "goals", "sub": "splits", "goals": goals, "chosen": chosen,
        "hidden_goal": state.list_parameters_without("reach"),
    }  # fmt: skip
    reached_goals = [chosen] if chosen else [goal for goal in goals if goal.conversion]
    try:
        names = experiments.list_experiments(state.site.pk, state.period, state.build_filter(), now=state.now)[
            :MAX_EXPERIMENTS
        ]
        context["tests"] = [build_experiment(state, name, reached_goals) for name in names]
    except QUERY_ERRORS as error:
        context["failed"] = describe_error(error)
    return render(request, "reports/experiments.html", context)


def build_experiment(state: ReportState, name: str, goals: list[Goal]) -> ExperimentResult:
    """Query one experiment; visitors who reached any of `goals` are converted. Raises QueryRefused, StoreError."""
    reach: list[Filter] = [{"goal": goal.pk} for goal in goals]
    variants, mixed = experiments.count_variants(
        state.site.pk, state.period, name, reach, state.build_filter(), now=state.now
    )
    highest = max((variant.interval[1] for variant in variants if variant.visitors), default=1.0)
    scale = next((step for step in SCALES if highest <= step), 1.0)
    rows = [build_variant(state, variant, scale) for variant in variants]
    return ExperimentResult(
        name=name, lines=rows, mixed=mixed, verdict=describe_outcome(variants), scale=f"{scale * 100:g}%"
    )


def build_variant(state: ReportState, variant: experiments.Variant, scale: float) -> VariantRow:
    """Format a variant."""
    low, high = variant.interval
    return VariantRow(
        name=variant.name or "(no name)",
        visitors=format_metric("visitors", variant.visitors, state.locale),
        converted=format_metric("visitors", variant.converted, state.locale),
        rate=format_percent(variant.rate, 1),
        range=f"{format_percent(low, 1)} to {format_percent(high, 1)}",
        low=f"{low / scale * 100:.2f}",
        width=f"{(high - low) / scale * 100:.2f}",
        at=f"{variant.rate / scale * 100:.2f}",
    )


def describe_outcome(variants: list[experiments.Variant]) -> str:
    """Return the conclusion: a variant is better only if its interval lies above that of all others."""
    if len(variants) < 2:
        return "Visitors saw only one version, so there is nothing to compare."
    if any(variant.visitors < MIN_VISITORS for variant in variants):
        return f"Too early to say: a version has fewer than {MIN_VISITORS} visitors."
    best = max(variants, key=lambda variant: variant.rate)
    others = max(variant.interval[1] for variant in variants if variant is not best)
    if best.interval[0] > others:
        return f"“{best.name}” converts better: its interval lies above the others."
    return "No version is clearly better yet: the intervals overlap."
