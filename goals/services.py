"""Writes of goals, segments and funnels."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.audit.recording import read_fields, record_action, record_change
from accounts.audit.subjects import AuditSubject
from accounts.models import User
from goals.models import MAX_THRESHOLDS, Funnel, Goal, GoalKind, PatternKind, Segment
from goals.predicates import StoredStep
from sites.models import Site
from sites.page_paths import normalize_typed_path

AUDIT_SUBJECTS = (
    AuditSubject(
        name="goal",
        label="Goal",
        account="site.account_id",
        shown=frozenset({
            "site_id", "name", "kind", "pattern", "pattern_kind", "page", "text", "threshold", "conversion",
            "fixed_revenue", "currency", "active",
        }),
    ),
    AuditSubject(
        name="segment",
        label="Segment",
        account="site.account_id",
        verbs=("created", "deleted"),
        shown=frozenset({"site_id", "name", "filter", "shared"}),
    ),
    AuditSubject(
        name="funnel",
        label="Funnel",
        account="site.account_id",
        shown=frozenset({"site_id", "name", "steps", "strict"}),
    ),
)  # fmt: skip
MAX_FILTER_LENGTH = 20_000  # characters of a segment's JSON
# The query engine, in a higher app, checks filters: check(filter, site id, owner's id) raises ValueError
FilterCheck = Callable[[object, int, int | None], object]
_filter_checks: list[FilterCheck] = []
MIN_STEPS, MAX_STEPS = 2, 8  # of a funnel
MAX_PATTERN_LENGTH = 500  # characters of a page pattern


def register_filter_check(check: FilterCheck) -> None:
    """Register a check of segments' filters; called from `config.wiring`."""
    if check not in _filter_checks:
        _filter_checks.append(check)


@transaction.atomic
def goal_create(*, site: Site, name: str, kind: str = GoalKind.PAGE, **fields: object) -> Goal:
    """Create a goal. `fields` are those of Goal. Raises ValidationError, a dict by field."""
    goal = _validate_and_save_goal(Goal(site=site, name=name.strip(), kind=kind, **fields))
    record_action("goal.created", goal)
    return goal


@transaction.atomic
def goal_update(*, goal: Goal, **changes: object) -> Goal:
    """Change fields of a goal. Raises ValidationError, a dict by field."""
    before = read_fields(goal)
    for field, value in changes.items():
        setattr(goal, field, value.strip() if field == "name" and isinstance(value, str) else value)
    _validate_and_save_goal(goal)
    record_change("goal.changed", goal, before)
    return goal


@transaction.atomic
def goal_delete(*, goal: Goal) -> None:
    """Delete a goal; its events stay, and the same goal counts them again when it is created anew."""
    record_action("goal.deleted", goal)
    goal.delete()


@transaction.atomic
def manual_goal_ensure(*, site: Site, name: str) -> Goal | None:
    """Return the goal that a script named, created if missing; None for an empty name or a goal's number."""
    name = name.strip()[:120]
    if not name or name.isdigit():
        return None
    goal, created = Goal.objects.get_or_create(site=site, name=name, defaults={"kind": GoalKind.MANUAL})
    if created:
        record_action("goal.created", goal)
    return goal


@transaction.atomic
def segment_create(
    *, site: Site, name: str, filter: object, owner: User | None = None, shared: bool = False
) -> Segment:
    """Create a segment. Raises ValidationError, a dict by field."""
    row = Segment(site=site, name=name.strip(), filter=filter, owner=owner, shared=shared)
    segment = _validate_and_save_segment(row)
    record_action("segment.created", segment)
    return segment


@transaction.atomic
def segment_update(*, segment: Segment, **changes: object) -> Segment:
    """Change name, filter or visibility of a segment. Raises ValidationError, a dict by field."""
    for field, value in changes.items():
        setattr(segment, field, value.strip() if field == "name" and isinstance(value, str) else value)
    return _validate_and_save_segment(segment)


@transaction.atomic
def segment_delete(*, segment: Segment) -> None:
    """Delete a segment. Addresses and shared links that refer to it then report that it does not exist."""
    record_action("segment.deleted", segment)
    segment.delete()


def _validate_and_save_goal(goal: Goal) -> Goal:
    goal.currency = goal.currency.strip().upper()
    errors = _check_threshold(goal) | _check_pattern(goal)
    if errors:
        raise ValidationError(errors)
    goal.full_clean()
    goal.save()
    return goal


def _check_threshold(goal: Goal) -> dict[str, str]:
    maximum = MAX_THRESHOLDS.get(GoalKind(goal.kind)) if goal.kind in GoalKind.values else None
    if maximum is not None and not 1 <= int(goal.threshold) <= maximum:
        unit = "percent" if goal.kind == GoalKind.SCROLL else "seconds"
        return {"threshold": f"Give a number of {unit} from 1 to {maximum:,}."}
    return {}


def _check_pattern(goal: Goal) -> dict[str, str]:
    if goal.kind == GoalKind.PAGE and not goal.pattern:
        return {"pattern": "Give the path of a page, for example /thanks or /order/*."}
    if goal.pattern_kind == PatternKind.REGEX:
        try:
            re.compile(goal.pattern)
        except re.error as error:
            return {"pattern": f"This is not a regular expression: {error}."}
        if re.search(r"\(\?[=!<]|\\[1-9]", goal.pattern):
            return {"pattern": "Look-around and back-references are not supported."}
    return {}


def _validate_and_save_segment(segment: Segment) -> Segment:
    if not segment.filter or not isinstance(segment.filter, dict | list):
        raise ValidationError({"filter": "A segment needs a filter."})
    if len(json.dumps(segment.filter)) > MAX_FILTER_LENGTH:
        raise ValidationError({"filter": f"The filter is longer than {MAX_FILTER_LENGTH:,} characters."})
    for check in _filter_checks:
        try:
            check(segment.filter, segment.site_id, segment.owner_id)
        except ValueError as error:
            raise ValidationError({"filter": str(error)}) from error
    segment.full_clean()
    segment.save()
    return segment


@transaction.atomic
def funnel_save(*, site: Site, name: str, steps: Sequence[Mapping[str, object]], strict: bool = False,
                funnel: Funnel | None = None) -> Funnel:  # fmt: skip
    """Create a funnel, or change `funnel`. Raises ValidationError, a dict by field."""
    is_new, funnel = funnel is None, funnel or Funnel(site=site)
    before = read_fields(funnel)
    funnel.name, funnel.steps, funnel.strict = name.strip(), [validate_step(site, step) for step in steps], strict
    if not MIN_STEPS <= len(steps) <= MAX_STEPS:
        raise ValidationError({"steps": f"A funnel has {MIN_STEPS} to {MAX_STEPS} steps."})
    funnel.full_clean()
    funnel.save()
    if is_new:
        record_action("funnel.created", funnel)
    else:
        record_change("funnel.changed", funnel, before)
    return funnel


@transaction.atomic
def funnel_delete(*, funnel: Funnel) -> None:
    """Delete a funnel; the events stay."""
    record_action("funnel.deleted", funnel)
    funnel.delete()


def validate_step(site: Site, step: Mapping[str, object]) -> StoredStep:
    """Return the step with its page normalized. Raises ValidationError unless it is a goal of the site or a page."""
    goal, page = step.get("goal"), step.get("page")
    if set(step) == {"goal"} and isinstance(goal, int | str) and site.goals.filter(pk=goal, active=True).exists():
        return {"goal": int(goal)}
    if set(step) == {"page"} and isinstance(page, str) and 0 < len(page.strip()) <= MAX_PATTERN_LENGTH:
        page = normalize_typed_path(page.strip())
        if page[0] not in "/*":
            sentence = f"“{page[:60]}” is not a page: write a path such as /cart, or begin with * for anything."
            raise ValidationError({"steps": sentence})
        return {"page": page}
    raise ValidationError({"steps": "Choose an active goal of this site or write a page for each step."})
