"""Matrices that take turns: a part of the combinations in `make test`, all of them in `make test-heavy`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import hypothesis
import pytest

HEAVY = pytest.mark.heavy


def take_turns(turns: int, cases: Iterable[Any]) -> list[Any]:
    """The cases as parameters of a test: the first of each so many, while the others are heavy.

    A plain tuple has a value for each parameter.
    """
    return [
        pytest.param(*(case if type(case) is tuple else (case,)), marks=HEAVY if number % turns else ())
        for number, case in enumerate(cases)
    ]


def list_turns(turns: int) -> list[Any]:
    """The values of a parameter by which a test leaves out combinations: `[n % turns :: turns]`. Heavy is all: 1."""
    return [turns, pytest.param(1, marks=HEAVY)]


def count_examples(number: int) -> int:
    """So many random examples in `make test-heavy`, and a third of them in `make test`."""
    return number // 3 if hypothesis.settings.get_current_profile_name() == "quick" else number
