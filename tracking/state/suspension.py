"""Calls that wait for the state in their middle, while their thread does other things.

The code of a hit is synchronous, and most of it computes. Where the state lies in Redis, such a call runs in a greenlet
of its own: it is suspended at a question and resumed with the answer, and nothing in between knows of that. Where the
state lies in memory there is no greenlet.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from typing import Any, TypeVar

from greenlet import getcurrent, greenlet

R = TypeVar("R")


class SuspendableCall(greenlet):
    """A call of `function`, begun by `switch(*arguments)`, which returns its result, or anything if it is suspended.

    A suspended call is not `dead`. Whoever has its answer calls `resume` with it, in the same thread.
    """

    def __init__(self, function: Callable[..., object], resume: Callable[[Any], None]) -> None:
        super().__init__(function)
        self.gr_context = copy_context()  # else it would see none of the caller's variables
        self.resume = resume


def find_suspendable_call() -> SuspendableCall | None:
    """Return the call that runs now and may be suspended; None in any other code."""
    current = getcurrent()
    return current if isinstance(current, SuspendableCall) else None


def suspend(call: SuspendableCall) -> Any:
    """Suspend this call, which is the one that runs now, and return what it is resumed with."""
    assert call.parent is not None
    return call.parent.switch()
