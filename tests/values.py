"""Values that must be there: a test that does not find what it looks for says so at once. Needs no Django."""

from __future__ import annotations

import re
from typing import TypeVar

Value = TypeVar("Value")


def require(value: Value | None) -> Value:
    """The value, which must not be None."""
    assert value is not None
    return value


def extract(pattern: str, text: object) -> str:
    """What the first group of the pattern matches in the text, or the whole pattern if it has no group."""
    found = re.search(pattern, str(text))
    assert found, f"no {pattern!r} in {text!r}"
    return found[1] if found.re.groups else found[0]
