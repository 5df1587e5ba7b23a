"""Goals in SQL: which an event reaches, how often they were reached, by how many, and what that was worth."""

from __future__ import annotations

from reports.engine.conditions import Conditions
from reports.engine.metrics import MONEY, Atom
from reports.engine.scene import Goal, Scene


def numbers(scene: Scene, conditions: Conditions) -> str:
    """SQL: one row per goal the event reaches."""
    reached = ", ".join(f"if({conditions.events(goal.tree)}, {goal.number}, 0)" for goal in scene.counted_goals())
    return f"toInt64(arrayJoin(arrayFilter(number -> number != 0, [{reached or '0'}])))"


def counted(atom: Atom, scene: Scene, conditions: Conditions, column: str = "") -> str:
    """SQL of a goals' atom over rows of events; `column` holds the goal's number where the breakdown is by goal."""
    goals = scene.counted_goals()
    if atom.how == "worth":
        return worth_by_goal(scene, goals, column) if column else worth(scene, conditions, goals)
    return by_goal(atom, scene, goals, column) if column else all_goals(atom, scene, conditions, goals)


def by_goal(atom: Atom, scene: Scene, goals: list[Goal], column: str) -> str:
    if atom.how == "converters":
        return f"uniqExact({scene.visitor})"
    once = [str(goal.number) for goal in goals if goal.once_per_visit]
    return f"if({column} IN ({', '.join(once)}), uniqExact(visit), count())" if once else "count()"


def all_goals(atom: Atom, scene: Scene, conditions: Conditions, goals: list[Goal]) -> str:
    reached = [(goal, conditions.events(goal.tree)) for goal in goals]
    if not reached:
        return "0"
    if atom.how == "converters":
        return f"uniqExactIf({scene.visitor}, {' OR '.join(condition for _, condition in reached)})"
    return " + ".join(times(goal, condition) for goal, condition in reached)


def times(goal: Goal, condition: str = "") -> str:
    """SQL: how often a goal was reached by the rows of the condition."""
    if goal.once_per_visit:
        return f"uniqExactIf(visit, {condition})" if condition else "uniqExact(visit)"
    return f"countIf({condition})" if condition else "count()"


# -- worth ------------------------------------------------------------------------------------------------------------


def amount(goal: Goal, scene: Scene) -> str:
    """SQL of what one time is worth, in the answer's currency."""
    shown = scene.currency is None or goal.currency in ("", scene.currency)
    return f"toDecimal128('{goal.worth:f}', 4)" if shown and goal.worth is not None else MONEY


def in_its_currency(goal: Goal, scene: Scene, condition: str = "") -> str:
    """The condition of a goal; where rows are of one currency each, its worth counts only in the row of its own."""
    if scene.currency is not None or not goal.currency:
        return condition
    own = f"currency = {scene.params.text(goal.currency)}"
    return f"({condition}) AND {own}" if condition else own


def worth(scene: Scene, conditions: Conditions, goals: list[Goal]) -> str:
    """What is to be added to the amounts that events carry.

    In general, what events without an amount are worth for reaching goals. Where the filter chooses goals, those with
    a worth of their own count that and nothing else, so what their events carry is taken away.
    """
    valued = [(goal, in_its_currency(goal, scene, conditions.events(goal.tree)))
              for goal in goals if goal.worth is not None]  # fmt: skip
    if not valued:
        return MONEY
    if not scene.chosen_goals:
        return " + ".join(
            f"{amount(goal, scene)} * toInt64({times(goal, f'revenue = 0 AND ({condition})')})"
            for goal, condition in valued
        )
    earned = " + ".join(f"{amount(goal, scene)} * toInt64({times(goal, condition)})" for goal, condition in valued)
    others = " OR ".join(conditions.events(goal.tree) for goal in goals if goal.worth is None)
    carried = f"{scene.in_currency()} AND NOT ({others})" if others else scene.in_currency()
    return f"{earned} - sumIf(toDecimal128(revenue, 4), {carried})"


def worth_by_goal(scene: Scene, goals: list[Goal], column: str) -> str:
    """The same where every row is of one goal: its worth each time, in place of what its events carry."""
    carried = f"sumIf(toDecimal128(revenue, 4), {scene.in_currency()})"
    cases = [
        f"{column} = {goal.number}, "
        f"{amount(goal, scene)} * toInt64({times(goal, in_its_currency(goal, scene))}) - {carried}"
        for goal in goals
        if goal.worth is not None
    ]
    return f"multiIf({', '.join(cases)}, {MONEY})" if cases else MONEY
