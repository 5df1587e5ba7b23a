"""Matrices that take turns: a part of the combinations in `make test`, all of them in `make test-heavy`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import hypothesis
import pytest

HEAVY = pytest.mark.heavy


def take_turns(turns: int, cases: Iterable[Any]) -> list[Any]:
    """Return the cases as parameters of a test. Every turns-th case runs in `make test`; the others have the mark
    heavy.

    A tuple has one value for each parameter.
    """
    return [
        pytest.param(*(case if type(case) is tuple else (case,)), marks=HEAVY if number % turns else ())
        for number, case in enumerate(cases)
    ]


def list_turns(turns: int) -> list[Any]:
    """Return values for a parameter `turns`, by which a test takes `combinations[n % turns :: turns]`.

    The value 1, which takes all, has the mark heavy.
    """
    return [turns, pytest.param(1, marks=HEAVY)]


def count_examples(number: int) -> int:
    """So many random examples in `make test-heavy`, and a third of them in `make test`."""
    return number // 3 if hypothesis.settings.get_current_profile_name() == "quick" else number
