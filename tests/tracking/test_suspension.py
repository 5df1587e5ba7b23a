"""Calls that are suspended and resumed: what they return, to whom, and what is kept of them."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from contextvars import ContextVar

import pytest

from tracking.state import suspension
from tracking.state.suspension import find_suspendable_call, prepare_call, suspend


def ignore(answer: object) -> None:
    """Stand for a call's `resume`; these tests proceed themselves."""


def ask(question: str) -> tuple[str, object]:
    call = find_suspendable_call()
    assert call is not None
    return question, suspend(call)


@pytest.fixture(autouse=True)
def no_idle_calls() -> Iterator[None]:
    suspension.idle.calls.clear()
    yield
    suspension.idle.calls.clear()


def test_a_call_that_is_used_again_returns_to_the_code_that_runs_it() -> None:
    def run_another_and_ask() -> tuple[str, object]:
        assert prepare_call(str, (7,), ignore).proceed() == "7"
        return ask("outer")

    outer = prepare_call(run_another_and_ask, (), ignore)
    assert outer.proceed() is None and not outer.has_ended
    again = prepare_call(str, (8,), ignore)  # the greenlet that the outer call has created
    assert again.proceed() == "8" and not outer.has_ended
    assert outer.proceed("answer") == ("outer", "answer") and outer.has_ended


def test_a_call_that_has_ended_keeps_nothing() -> None:
    class Request:
        """Something whose end can be noticed."""

    variable: ContextVar[Request] = ContextVar("variable")
    request, answer = Request(), Request()

    def handle(request: Request) -> object:
        variable.set(request)
        return ask("handled")

    call = prepare_call(handle, (request,), ignore)
    call.proceed()
    assert call.proceed(answer) == ("handled", answer)
    ends = [weakref.ref(request), weakref.ref(answer)]
    del request, answer
    gc.collect()
    assert [end() for end in ends] == [None, None]
    assert suspension.idle.calls == [call], "it is used again"


def test_an_error_is_raised_once_where_the_call_is_resumed() -> None:
    def ask_and_fail() -> None:
        raise ValueError(ask("what"))

    call = prepare_call(ask_and_fail, (), ignore)
    assert call.proceed() is None
    with pytest.raises(ValueError, match="what"):
        call.proceed()
    again = prepare_call(str, (9,), ignore)
    assert again is call and again.proceed() == "9"


def test_a_thread_keeps_a_limited_number_of_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suspension, "MAX_IDLE_CALLS", 3)
    calls = [prepare_call(ask, (str(number),), ignore) for number in range(5)]
    for call in calls:
        call.proceed()
    assert [call.proceed(7) for call in calls] == [(str(number), 7) for number in range(5)]
    assert suspension.idle.calls == calls[:3]


def test_calls_belong_to_their_thread() -> None:
    prepare_call(str, (7,), ignore).proceed()
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(prepare_call(str, (8,), ignore).proceed()))
    thread.start()
    thread.join()
    assert found == ["8"] and len(suspension.idle.calls) == 1
