"""Funnels: what their steps are, and making, changing and forgetting them."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from goals.models import Funnel, PatternKind
from goals.predicates import Filter, is_one_of, matching
from sites.models import Site
from sites.page_paths import normalize_typed_path

MIN_STEPS, MAX_STEPS = 2, 8
MAX_PATTERN_LENGTH = 500  # characters of a page pattern


def build_step_filter(step: dict[str, Any]) -> Filter:
    """A step as a filter over events."""
    if "goal" in step:
        return {"goal": step["goal"]}
    return {"and": [is_one_of("kind", "view"), matching("page", PatternKind.WILDCARD, step["page"])]}


@transaction.atomic
def funnel_save(*, site: Site, name: str, steps: list[dict[str, Any]], strict: bool = False,
                funnel: Funnel | None = None) -> Funnel:  # fmt: skip
    """Make a funnel, or change `funnel`. Raises ValidationError, a dict by field."""
    funnel = funnel or Funnel(site=site)
    funnel.name, funnel.steps, funnel.strict = name.strip(), [checked(site, step) for step in steps], strict
    if not MIN_STEPS <= len(steps) <= MAX_STEPS:
        raise ValidationError({"steps": f"A funnel has {MIN_STEPS} to {MAX_STEPS} steps."})
    funnel.full_clean()
    funnel.save()
    return funnel


@transaction.atomic
def funnel_delete(*, funnel: Funnel) -> None:
    """Forget a funnel; what happened stays."""
    funnel.delete()


def checked(site: Site, step: dict[str, Any]) -> dict[str, Any]:
    """The step, if it names a goal of the site or a page."""
    if set(step) == {"goal"} and site.goals.filter(pk=step["goal"], active=True).exists():
        return {"goal": int(step["goal"])}
    page = step.get("page")
    if set(step) == {"page"} and isinstance(page, str) and 0 < len(page.strip()) <= MAX_PATTERN_LENGTH:
        page = normalize_typed_path(page.strip())
        if page[0] not in "/*":
            raise ValidationError({"steps": f"A page begins with /, or with * for anything: {page[:60]}"})
        return {"page": page}
    raise ValidationError({"steps": "A step is a goal of this site or a page."})
