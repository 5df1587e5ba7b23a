"""Funnels: writes, and the filter of each step."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from goals.models import Funnel, PatternKind
from goals.predicates import Filter, is_one_of, match_pattern
from sites.models import Site
from sites.page_paths import normalize_typed_path

MIN_STEPS, MAX_STEPS = 2, 8
MAX_PATTERN_LENGTH = 500  # characters of a page pattern


def build_step_filter(step: dict[str, Any]) -> Filter:
    """Build the filter of the events that satisfy a step."""
    if "goal" in step:
        return {"goal": step["goal"]}
    return {"and": [is_one_of("kind", "view"), match_pattern("page", PatternKind.WILDCARD, step["page"])]}


@transaction.atomic
def funnel_save(*, site: Site, name: str, steps: list[dict[str, Any]], strict: bool = False,
                funnel: Funnel | None = None) -> Funnel:  # fmt: skip
    """Create a funnel, or change `funnel`. Raises ValidationError, a dict by field."""
    funnel = funnel or Funnel(site=site)
    funnel.name, funnel.steps, funnel.strict = name.strip(), [validate_step(site, step) for step in steps], strict
    if not MIN_STEPS <= len(steps) <= MAX_STEPS:
        raise ValidationError({"steps": f"A funnel has {MIN_STEPS} to {MAX_STEPS} steps."})
    funnel.full_clean()
    funnel.save()
    return funnel


@transaction.atomic
def funnel_delete(*, funnel: Funnel) -> None:
    """Delete a funnel; the events stay."""
    funnel.delete()


def validate_step(site: Site, step: dict[str, Any]) -> dict[str, Any]:
    """Return the step with its page normalized. Raises ValidationError unless it is a goal of the site or a page."""
    if set(step) == {"goal"} and site.goals.filter(pk=step["goal"], active=True).exists():
        return {"goal": int(step["goal"])}
    page = step.get("page")
    if set(step) == {"page"} and isinstance(page, str) and 0 < len(page.strip()) <= MAX_PATTERN_LENGTH:
        page = normalize_typed_path(page.strip())
        if page[0] not in "/*":
            sentence = f"“{page[:60]}” is not a page: write a path such as /cart, or begin with * for anything."
            raise ValidationError({"steps": sentence})
        return {"page": page}
    raise ValidationError({"steps": "Choose an active goal of this site or write a page for each step."})
