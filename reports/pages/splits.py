"""Split tests: which version converts, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from goals.models import Goal
from goals.querysets import goals_of
from reports.engine import splits
from reports.engine.refusal import QueryRefused
from reports.engine.refusal import shown as shown_word
from reports.pages.frame import bar, site_page
from reports.pages.numbers import Shown, shown
from reports.pages.parts import TROUBLE, sentence
from reports.pages.state import State

FEW = 100  # visitors of a version below which nothing should be decided
TESTS_SHOWN = 10


@dataclass(frozen=True)
class Line:
    """A version as it is shown; `low`, `high` and `at` are percent of the width of its picture."""

    name: str
    visitors: Shown
    converted: Shown
    rate: str
    range: str
    low: str
    width: str
    at: str


@dataclass(frozen=True)
class Test:
    name: str
    lines: list[Line]
    mixed: int
    verdict: str
    scale: str  # what the right end of the pictures means


@site_page
def split_list(request: HttpRequest, state: State) -> HttpResponse:
    """The tests that ran in the period, each with its versions."""
    goals, reach = goals_of([state.site.pk]), state.option("reach")
    chosen = next((goal for goal in goals if str(goal.pk) == reach), None)
    if reach and chosen is None:
        raise QueryRefused(f"There is no goal {shown_word(reach)} on this site.", "reach")
    context: dict[str, Any] = {
        **bar(request, state), "no_compare": True,
        "section": "goals", "sub": "splits", "goals": goals, "chosen": chosen,
        "hidden_goal": [pair for pair in state.pairs() if pair[0] != "reach"],
    }  # fmt: skip
    wanted = [chosen] if chosen else [goal for goal in goals if goal.conversion]
    try:
        names = splits.tests(state.site.pk, state.period, state.where(), now=state.now)[:TESTS_SHOWN]
        context["tests"] = [test(state, name, wanted) for name in names]
    except TROUBLE as error:
        context["failed"] = sentence(error)
    return render(request, "reports/splits.html", context)


def test(state: State, name: str, goals: list[Goal]) -> Test:
    """One test, counted."""
    reach = [{"goal": goal.pk} for goal in goals]
    arms, mixed = splits.arms(state.site.pk, state.period, name, reach, state.where(), now=state.now)
    most = max((arm.interval[1] for arm in arms if arm.visitors), default=1.0)
    top = next((step for step in (0.02, 0.05, 0.1, 0.2, 0.5) if most <= step), 1.0)
    return Test(name, [line(state, arm, top) for arm in arms], mixed, verdict(arms), f"{top * 100:g}%")


def line(state: State, arm: splits.Arm, top: float) -> Line:
    low, high = arm.interval
    return Line(
        arm.name or "(no name)",
        shown("visitors", arm.visitors, state.locale),
        shown("visitors", arm.converted, state.locale),
        f"{arm.rate * 100:.1f}%",
        f"{low * 100:.1f}% to {high * 100:.1f}%",
        f"{low / top * 100:.2f}", f"{(high - low) / top * 100:.2f}", f"{arm.rate / top * 100:.2f}",
    )  # fmt: skip


def verdict(arms: list[splits.Arm]) -> str:
    """What can be said honestly: a version leads only when its interval lies above every other's."""
    if len(arms) < 2:
        return "Only one version was seen, so there is nothing to compare."
    if any(arm.visitors < FEW for arm in arms):
        return f"Too early to say: a version has fewer than {FEW} visitors."
    best = max(arms, key=lambda arm: arm.rate)
    others = max(arm.interval[1] for arm in arms if arm is not best)
    if best.interval[0] > others:
        return f"“{best.name}” converts better: its interval lies above the others."
    return "No version is clearly better yet: the intervals overlap."
