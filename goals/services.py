"""Writes of this room: goals, segments, and the goals that appear when a script first names them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.models import User
from goals.models import MAX_THRESHOLDS, Goal, GoalKind, PatternKind, Segment
from sites.models import Site

MOST_FILTER = 20_000  # characters of a segment's JSON
# The app above this one checks filters: check(filter, site id, owner's id) raises ValueError with a sentence.
FilterCheck = Callable[[Any, int, int | None], object]
_filter_checks: list[FilterCheck] = []


def register_filter_check(check: FilterCheck) -> None:
    """Let `check` refuse segments with a filter nobody could answer; called from `config.wiring`."""
    if check not in _filter_checks:
        _filter_checks.append(check)


@transaction.atomic
def goal_create(*, site: Site, name: str, kind: str = GoalKind.PAGE, **fields: Any) -> Goal:
    """A new goal. `fields` are those of Goal. Raises ValidationError, a dict by field."""
    return _saved(Goal(site=site, name=name.strip(), kind=kind, **fields))


@transaction.atomic
def goal_update(*, goal: Goal, **changes: Any) -> Goal:
    """Change fields of a goal. Raises ValidationError, a dict by field."""
    for field, value in changes.items():
        setattr(goal, field, value.strip() if field == "name" else value)
    return _saved(goal)


@transaction.atomic
def goal_delete(*, goal: Goal) -> None:
    """Forget a goal; its events stay, and a goal made again counts them again."""
    goal.delete()


@transaction.atomic
def goal_appear(*, site: Site, name: str) -> Goal | None:
    """The manual goal a script named, made if it is missing. None for an empty name or a goal's number."""
    name = name.strip()[:120]
    if not name or name.isdigit():
        return None
    goal, _ = Goal.objects.get_or_create(site=site, name=name, defaults={"kind": GoalKind.MANUAL})
    return goal


@transaction.atomic
def segment_create(*, site: Site, name: str, filter: Any, owner: User | None = None, shared: bool = False) -> Segment:
    """A filter under a name. Raises ValidationError, a dict by field."""
    return _saved_segment(Segment(site=site, name=name.strip(), filter=filter, owner=owner, shared=shared))


@transaction.atomic
def segment_update(*, segment: Segment, **changes: Any) -> Segment:
    """Change name, filter or `shared`. Raises ValidationError, a dict by field."""
    for field, value in changes.items():
        setattr(segment, field, value.strip() if field == "name" else value)
    return _saved_segment(segment)


@transaction.atomic
def segment_delete(*, segment: Segment) -> None:
    """Forget a segment. Links that name it then say that it is gone."""
    segment.delete()


def _saved(goal: Goal) -> Goal:
    goal.currency = goal.currency.strip().upper()
    errors = _threshold_errors(goal) | _pattern_errors(goal)
    if errors:
        raise ValidationError(errors)
    goal.full_clean()
    goal.save()
    return goal


def _threshold_errors(goal: Goal) -> dict[str, str]:
    most = MAX_THRESHOLDS.get(GoalKind(goal.kind)) if goal.kind in GoalKind.values else None
    if most is not None and not 1 <= int(goal.threshold) <= most:
        unit = "percent" if goal.kind == GoalKind.SCROLL else "seconds"
        return {"threshold": f"Give a number of {unit} from 1 to {most:,}."}
    return {}


def _pattern_errors(goal: Goal) -> dict[str, str]:
    if goal.kind == GoalKind.PAGE and not goal.pattern:
        return {"pattern": "Say which page, for example /thanks or /order/*."}
    if goal.pattern_kind == PatternKind.REGEX:
        try:
            re.compile(goal.pattern)
        except re.error as error:
            return {"pattern": f"This is not a regular expression: {error}."}
        if re.search(r"\(\?[=!<]|\\[1-9]", goal.pattern):
            return {"pattern": "Look-around and back-references are not supported."}
    return {}


def _saved_segment(segment: Segment) -> Segment:
    if not segment.filter or not isinstance(segment.filter, dict | list):
        raise ValidationError({"filter": "A segment needs a filter."})
    if len(json.dumps(segment.filter)) > MOST_FILTER:
        raise ValidationError({"filter": f"The filter is longer than {MOST_FILTER:,} characters."})
    for check in _filter_checks:
        try:
            check(segment.filter, segment.site_id, segment.owner_id)
        except ValueError as error:
            raise ValidationError({"filter": str(error)}) from error
    segment.full_clean()
    segment.save()
    return segment
