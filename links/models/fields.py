"""What the models of links share: the field of a public id, and checks that the database makes."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from django.db import models

from accounts.validators import build_choice_check

MAX_URL = 4000  # characters of a destination


def generate_code() -> str:
    """Generate a public id as ClickMeter's clients expect it: 32 upper-case hexadecimal digits."""
    return secrets.token_hex(16).upper()


class CodeField(models.CharField):  # type: ignore[type-arg]
    """An unguessable public id, generated with the row. A class, so that migrations name no function of this app."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_length": 32, "unique": True, "default": generate_code, **options})

    def deconstruct(self) -> tuple[str, str, Sequence[object], dict[str, object]]:
        """Describe the field for migrations, without what the class itself sets."""
        name, path, args, options = super().deconstruct()
        for own in ("max_length", "unique", "default"):
            options.pop(own, None)
        return name, path, args, options


def build_choice_checks(model: str, **choices: type[models.Choices]) -> list[models.CheckConstraint]:
    """Build a constraint per field: its value is one of its choices."""
    return [build_choice_check(field, allowed, f"{model}_{field}_is_a_choice") for field, allowed in choices.items()]
