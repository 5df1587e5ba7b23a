"""Calls that wait for the state in their middle, while their thread does other things.

The code of a hit is synchronous, and most of it computes. Where the state lies in Redis, such a call runs in a greenlet
of its own: it is suspended at a question and resumed with the answer, and nothing in between knows of that. Where the
state lies in memory there is no greenlet.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

from greenlet import getcurrent, greenlet

Answer = Any  # of the state, or the result of a call; each caller knows the type of its own
Function = Callable[..., Answer]
Resume = Callable[[Answer], None]


class SuspendableCall(greenlet):  # type: ignore[misc]
    """A call of a function, which may be suspended. Its creator proceeds with it until it `has_ended`.

    `resume` is called with the answer that a suspended call waits for, in the thread of the call.
    """

    function: Function
    arguments: tuple[object, ...]
    resume: Resume
    has_ended = True
    error: Exception | None = None

    def run(self, _: object = None) -> None:
        """Run one function after the other: to make a greenlet takes ten times as long as to switch to it."""
        while True:
            result = None
            try:
                result = self.function(*self.arguments)
            except Exception as error:
                self.error = error
            self.has_ended = True
            idle.calls.append(self)
            self.parent.switch(result)

    def proceed(self, answer: object = None) -> Answer:
        """Run until the function ends or is suspended; return its result, or None. Raises its exception."""
        result = self.switch(answer)
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        return result


class IdleCalls(threading.local):
    """The calls of this thread that have ended and can be used again."""

    def __init__(self) -> None:
        self.calls: list[SuspendableCall] = []


idle = IdleCalls()


def prepare_call(function: Function, arguments: tuple[object, ...], resume: Resume) -> SuspendableCall:
    """Return a call, which begins with the first `proceed`. It belongs to this thread."""
    call = idle.calls.pop() if idle.calls else SuspendableCall()
    call.function, call.arguments, call.resume, call.has_ended = function, arguments, resume, False
    call.gr_context = copy_context()  # else it would see none of the variables of the code that calls it
    return call


def find_suspendable_call() -> SuspendableCall | None:
    """Return the call that runs now and may be suspended; None in any other code."""
    current = getcurrent()
    return current if isinstance(current, SuspendableCall) else None


def suspend(call: SuspendableCall) -> Answer:
    """Suspend this call, which is the one that runs now, and return what it is resumed with."""
    return call.parent.switch()
