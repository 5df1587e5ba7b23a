"""Constraints that models of several apps have."""

from __future__ import annotations

from django.db.models import CheckConstraint, Q, TextChoices


def is_one_of(field: str, choices: type[TextChoices], name: str) -> CheckConstraint:
    """Return the constraint that a field has one of its choices; the database does not know of `choices` otherwise."""
    return CheckConstraint(condition=Q(**{f"{field}__in": choices.values}), name=name)
