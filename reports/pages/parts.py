"""Parts of a sheet are asked for together and shown apart.

What all parts of an answer need is asked once, side by side. Every part fails alone: a sentence stands in its place
and the rest of the page lives.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from reports.engine import Query, QueryRefused, Result, ask_together
from tracking.store import StoreError

log = logging.getLogger(__name__)
TROUBLE = (QueryRefused, StoreError)
Shown = TypeVar("Shown")


def sentence(error: Exception) -> str:
    """What a person is told when a part cannot be shown."""
    if isinstance(error, QueryRefused):
        return error.sentence
    log.warning("a page could not reach the store: %s", error)
    return str(error) or "The event store does not answer."


def attempt(question: Callable[[], Any]) -> Any:
    """The answer, or None where the store or the engine will not give one."""
    try:
        return question()
    except TROUBLE as error:
        sentence(error)
        return None


@dataclass(frozen=True)
class Part(Generic[Shown]):
    """`questions()`: what it asks. `make(answers)`: what is shown of them, in the same order. `fail(why)`: instead."""

    questions: Callable[[], Sequence[Query]]
    make: Callable[[list[Result]], Shown]
    fail: Callable[[str], Shown]


def together(parts: Sequence[Part[Any]], now: datetime) -> list[Any]:
    """The parts as they are shown, in their order. No question is asked twice."""
    queries: list[Query] = []
    asked = [places(part, queries) for part in parts]
    try:
        answers = ask_together(queries, now=now)
    except StoreError as error:
        why = sentence(error)
        return [part.fail(why) for part in parts]
    return [told(part, found, answers) for part, found in zip(parts, asked, strict=True)]


def places(part: Part[Any], queries: list[Query]) -> list[int] | QueryRefused:
    """Where the part's questions stand among `queries`, which grow by those that are new."""
    found = []
    try:
        for query in part.questions():
            if query not in queries:
                queries.append(query)
            found.append(queries.index(query))
    except QueryRefused as error:
        return error
    return found


def told(part: Part[Any], found: list[int] | QueryRefused, answers: Sequence[Result | QueryRefused]) -> Any:
    """The part made of its answers, or what stands in its place."""
    if isinstance(found, QueryRefused):
        return part.fail(sentence(found))
    mine = []
    for index in found:
        answer = answers[index]
        if isinstance(answer, QueryRefused):
            return part.fail(sentence(answer))
        mine.append(answer)
    try:
        return part.make(mine)
    except TROUBLE as error:
        return part.fail(sentence(error))
