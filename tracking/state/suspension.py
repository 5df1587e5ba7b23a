"""Function calls that can be paused while they wait for Redis, so that their thread can serve other hits.

The code of a hit is synchronous, and most of it computes. Where the state lies in Redis, such a call runs in a greenlet
of its own: it is suspended at a question and resumed with the answer, and nothing in between knows of that. Where the
state lies in memory there is no greenlet.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import Any, TypeVar

from greenlet import getcurrent, greenlet

R = TypeVar("R")
Answer = Any  # of the state, or the result of a call; each caller knows the type of its own
Function = Callable[..., Answer]
Resume = Callable[[Answer], None]
log = logging.getLogger(__name__)
MAX_IDLE_CALLS = 256  # of a thread; each keeps a greenlet with its stack


def do_nothing(*_: object) -> None:
    """Stand for the function of a call that has ended."""


class SuspendableCall(greenlet):  # type: ignore[misc]
    """A call of a function, which may be suspended. Its creator proceeds with it until it `has_ended`.

    `resume` is called with the answer that a suspended call waits for, in the thread of the call.
    """

    function: Function = staticmethod(do_nothing)
    arguments: tuple[object, ...] = ()
    resume: Resume = staticmethod(do_nothing)
    gr_context: Context | None
    has_ended = True
    result: Answer = None
    error: Exception | None = None

    def run(self, _: object = None) -> None:
        """Run one function after the other: creating a greenlet takes ten times as long as switching to it."""
        while True:
            try:
                self.result = self.function(*self.arguments)
            except Exception as error:
                self.error = error
            self.has_ended = True
            self.parent.switch()

    def proceed(self, answer: object = None) -> Answer:
        """Run until the function ends or is suspended; return its result, or None. Raises its exception."""
        self.parent = getcurrent()  # which goes on at the next pause: it may be another one than the creator
        self.switch(answer)
        if not self.has_ended:
            return None
        result, error = self.result, self.error
        self.make_idle()
        if error is not None:
            raise error
        return result

    def make_idle(self) -> None:
        """Forget the function that has ended, with all that it refers to, and keep the greenlet for another one."""
        self.function = self.resume = do_nothing
        self.arguments, self.result, self.error = (), None, None
        self.gr_context = None
        if len(idle.calls) < MAX_IDLE_CALLS:
            idle.calls.append(self)


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
    """Suspend this call, which is the one that runs now, and return what it is resumed with.

    It must hold no lock: another hit of the same thread would wait for that, and nobody could resume this call.
    """
    return call.parent.switch()


async def run_suspendable(function: Callable[..., R], *arguments: object) -> R:
    """Call the function; wherever it is suspended, other requests of this event loop go on."""
    ended: asyncio.Future[R] = asyncio.get_running_loop().create_future()

    def proceed(answer: object) -> None:
        try:
            result = call.proceed(answer)
        except Exception as error:
            if not ended.done():
                ended.set_exception(error)
        else:
            if call.has_ended and not ended.done():  # done if the request was cancelled; its hit is recorded
                ended.set_result(result)

    call = prepare_call(function, arguments, proceed)
    result: R = call.proceed()
    return result if call.has_ended else await ended


def resume(call: SuspendableCall, answer: Answer) -> None:
    """Resume a call; whatever it raises does not concern the others of its batch."""
    try:
        call.resume(answer)
    except Exception:
        log.exception("A hit failed after it had its answer from the state")
