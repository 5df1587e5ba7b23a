"""Goals in SQL: which of them an event reaches, how many conversions and visitors they have, and their value."""

from __future__ import annotations

from reports.query.context import QueryContext, QueryGoal
from reports.query.metrics import ZERO_AMOUNT, Aggregate
from reports.query.sql.conditions import ConditionBuilder


def write_goal_numbers(context: QueryContext, conditions: ConditionBuilder) -> str:
    """Write an expression that multiplies an event's row: one for each goal that it reaches, with the goal's id."""
    goals = context.counted_goals()
    reached = ", ".join(f"if({conditions.for_events(goal.tree)}, {goal.number}, 0)" for goal in goals)
    return f"toInt64(arrayJoin(arrayFilter(number -> number != 0, [{reached or '0'}])))"


def aggregate_goals(
    aggregate: Aggregate, context: QueryContext, conditions: ConditionBuilder, goal_column: str = ""
) -> str:
    """Write an aggregate of goals over rows of events. `goal_column` holds the goal's id where rows are by goal."""
    goals = context.counted_goals()
    if aggregate.function == "goal_value":
        if goal_column:
            return correct_amounts_by_goal(context, goals, goal_column)
        return correct_amounts(context, conditions, goals)
    if goal_column:
        return count_by_goal(aggregate, context, goals, goal_column)
    return count_over_all_goals(aggregate, context, conditions, goals)


def count_by_goal(aggregate: Aggregate, context: QueryContext, goals: list[QueryGoal], goal_column: str) -> str:
    if aggregate.function == "converting_visitors":
        return f"uniqExact({context.visitor_sql})"
    once = [str(goal.number) for goal in goals if goal.once_per_visit]
    return f"if({goal_column} IN ({', '.join(once)}), uniqExact(visit), count())" if once else "count()"


def count_over_all_goals(
    aggregate: Aggregate, context: QueryContext, conditions: ConditionBuilder, goals: list[QueryGoal]
) -> str:
    reached = [(goal, conditions.for_events(goal.tree)) for goal in goals]
    if not reached:
        return "0"
    if aggregate.function == "converting_visitors":
        return f"uniqExactIf({context.visitor_sql}, {' OR '.join(condition for _, condition in reached)})"
    return " + ".join(count_conversions(goal, condition) for goal, condition in reached)


def count_conversions(goal: QueryGoal, condition: str = "") -> str:
    """Write the number of conversions of a goal among the rows that satisfy the condition."""
    if goal.once_per_visit:
        return f"uniqExactIf(visit, {condition})" if condition else "uniqExact(visit)"
    return f"countIf({condition})" if condition else "count()"


# -- value ------------------------------------------------------------------------------------------------------------


def write_value_per_conversion(goal: QueryGoal, context: QueryContext) -> str:
    """Write what one conversion adds to the amounts; zero if the goal's value is in another currency."""
    counts = context.currency is None or goal.currency in ("", context.currency)
    return f"toDecimal128('{goal.value:f}', 4)" if counts and goal.value is not None else ZERO_AMOUNT


def restrict_to_own_currency(goal: QueryGoal, context: QueryContext, condition: str = "") -> str:
    """Restrict a goal's condition: where each row is of one currency, its value counts only in the row of its own."""
    if context.currency is not None or not goal.currency:
        return condition
    own_currency = f"currency = {context.params.bind_text(goal.currency)}"
    return f"({condition}) AND {own_currency}" if condition else own_currency


def correct_amounts(context: QueryContext, conditions: ConditionBuilder, goals: list[QueryGoal]) -> str:
    """Write what the goals' values add to the amounts that events carry.

    In general that is the value of conversions without an amount. Where the filter requires goals, conversions of goals
    with a fixed value count that value and nothing else, so the amounts that their events carry are subtracted.
    """
    valued = [
        (goal, restrict_to_own_currency(goal, context, conditions.for_events(goal.tree)))
        for goal in goals
        if goal.value is not None
    ]
    if not valued:
        return ZERO_AMOUNT

    def sum_values(template: str) -> str:
        return " + ".join(
            f"{write_value_per_conversion(goal, context)} * "
            f"toInt64({count_conversions(goal, template.format(condition=condition))})"
            for goal, condition in valued
        )

    if not context.required_goals:
        return sum_values("revenue = 0 AND ({condition})")
    values = sum_values("{condition}")
    others = " OR ".join(conditions.for_events(goal.tree) for goal in goals if goal.value is None)
    carried = context.currency_condition() + (f" AND NOT ({others})" if others else "")
    return f"{values} - sumIf(toDecimal128(revenue, 4), {carried})"


def correct_amounts_by_goal(context: QueryContext, goals: list[QueryGoal], goal_column: str) -> str:
    """Write the same where each row is of one goal: its value per conversion, in place of what its events carry."""
    carried = f"sumIf(toDecimal128(revenue, 4), {context.currency_condition()})"
    cases = [
        f"{goal_column} = {goal.number}, {write_value_per_conversion(goal, context)} * "
        f"toInt64({count_conversions(goal, restrict_to_own_currency(goal, context))}) - {carried}"
        for goal in goals
        if goal.value is not None
    ]
    return f"multiIf({', '.join(cases)}, {ZERO_AMOUNT})" if cases else ZERO_AMOUNT
