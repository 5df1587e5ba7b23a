"""Several questions at once: the answers are those of `ask`, in less time than one after the other.

What Django's database has to say is asked by the thread that asks; only statements to the store run in others.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime

from reports.engine.lookup import Source
from reports.engine.query import Query, Result
from reports.engine.refusal import QueryRefused
from reports.engine.run import Asked, answered, kept, looked_up
from sites import known

HELPERS = 1  # threads beside the one that asks: the store itself uses every core for what is large
Job = Callable[[], None]


def ask_together(
    queries: Sequence[Query], *, now: datetime, source: Source | None = None, cache: bool = True
) -> list[Result | QueryRefused]:
    """Answer questions, in their order. A refused one has its refusal in its place and leaves the others alone.

    Raises StoreError when the store itself is in trouble.
    """
    answers: dict[int, Result | QueryRefused] = {}
    open_questions: dict[int, Asked] = {}
    for index, query in enumerate(queries):
        try:
            asked = looked_up(query, now, source)
            found = kept(asked) if cache else None
        except QueryRefused as refusal:
            answers[index] = refusal
            continue
        if found is None:
            open_questions[index] = asked
        else:
            answers[index] = found

    def job(index: int, asked: Asked) -> Job:
        def act() -> None:
            try:
                answers[index] = answered(asked, cache)
            except QueryRefused as refusal:
                answers[index] = refusal

        return act

    if open_questions:
        known.all_sites()  # in memory from here on, so that no other thread asks Django's database for it
        side_by_side([job(index, asked) for index, asked in open_questions.items()])
    return [answers[index] for index in range(len(queries))]


def side_by_side(jobs: Sequence[Job]) -> None:
    """Do the jobs, with a few more threads than this one. The first error ends it, once what has begun is done.

    Threads of their own, begun here and ended here: nothing is left that would have to survive a fork, and nobody
    waits behind the questions of others.
    """
    waiting, errors = deque(jobs), list[BaseException]()

    def work() -> None:
        while not errors:
            try:
                job = waiting.popleft()
            except IndexError:
                return
            try:
                job()
            except BaseException as error:  # raised again by the thread that asks
                errors.append(error)

    helpers = [threading.Thread(target=work, daemon=True) for _ in range(min(HELPERS, len(jobs) - 1))]
    for helper in helpers:
        helper.start()
    work()
    for helper in helpers:
        helper.join()
    if errors:
        raise errors[0]
