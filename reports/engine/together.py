"""Several questions at once: the answers are those of `ask`, in less time than one after the other.

What Django's database has to say is asked by the thread that asks; only statements to the store run in others.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import datetime
from functools import partial

from reports.engine.limits import cores
from reports.engine.lookup import Source
from reports.engine.query import Query, Result
from reports.engine.refusal import QueryRefused
from reports.engine.run import Asked, Work, answered, copies, kept, looked_up
from reports.engine.shared import Question, groups, shared
from sites import known
from tracking.store.target import target

HELPERS = 1  # threads beside the one that asks: the store itself uses every core for what is large
Job = Callable[[], None]
Answers = dict[Hashable, Result | QueryRefused]


def ask_together(
    queries: Sequence[Query], *, now: datetime, source: Source | None = None, cache: bool = True
) -> list[Result | QueryRefused]:
    """Answer questions, in their order. A refused one has its refusal in its place and leaves the others alone.

    Raises StoreError when the store itself is in trouble.
    """
    answers: Answers = {}
    waiting: dict[Hashable, Asked] = {}
    places: list[Hashable] = []
    for index, query in enumerate(queries):
        try:
            asked = looked_up(query, now, source)
            place: Hashable = asked.key  # the same question is asked once
            if place not in answers and (found := kept(asked) if cache else None):
                answers[place] = found
        except QueryRefused as refusal:
            place = index
            answers[place] = refusal
        if place not in answers:
            waiting.setdefault(place, asked)
        places.append(place)
    if waiting:
        known.all_sites()  # in memory from here on, so that no other thread asks Django's database for it
        side_by_side(jobs(waiting, answers, cache))
    return [own(answers[place]) for place in places]


def own(answer: Result | QueryRefused) -> Result | QueryRefused:
    """The answer for one who may write into its rows."""
    return replace(answer, rows=copies(answer.rows)) if isinstance(answer, Result) else answer


def jobs(waiting: dict[Hashable, Asked], answers: Answers, cache: bool) -> list[Job]:
    """What is to be done, the longest first: statements for several questions, then every other question alone."""
    places, each = list(waiting), list(waiting.values())
    found: list[Job] = []
    alone = dict(waiting)
    for members, questions in groups([(one.query, one.scene, one.facts) for one in each]):
        several = {places[member]: alone.pop(places[member]) for member in members}
        found.append(partial(answer_several, several, questions, answers, cache))
    return [*found, *(partial(answer_one, place, asked, answers, cache) for place, asked in alone.items())]


def answer_one(place: Hashable, asked: Asked, answers: Answers, cache: bool) -> None:
    try:
        answers[place] = answered(asked, cache)
    except QueryRefused as refusal:
        answers[place] = refusal


def answer_several(
    several: dict[Hashable, Asked], questions: Sequence[Question], answers: Answers, cache: bool
) -> None:
    """By one statement; each alone where that is refused, since a question alone takes less."""
    made, work = shared(questions), Work()
    try:
        told = made.answers(work.carry_out(made.made, made.sql, made.params))
    except QueryRefused:
        for place, asked in several.items():
            answer_one(place, asked, answers, cache)
        return
    for (place, asked), rows in zip(several.items(), told, strict=True):
        try:
            answers[place] = answered(asked, cache, (deepcopy(work), rows))
        except QueryRefused as refusal:
            answers[place] = refusal


def side_by_side(jobs: Sequence[Job]) -> None:
    """Do the jobs, with a few more threads than this one. The first error ends it, once what has begun is done.

    Threads of their own, begun here and ended here: nothing is left that would have to survive a fork, and nobody
    waits behind the questions of others.
    """
    waiting, errors = deque(jobs), list[BaseException]()
    beside = min(HELPERS, len(jobs) - 1)
    share = share_of_cores(beside + 1)

    def work() -> None:
        while not errors:
            try:
                job = waiting.popleft()
            except IndexError:
                return
            try:
                with cores(share):
                    job()
            except BaseException as error:  # raised again by the thread that asks
                errors.append(error)

    helpers = [threading.Thread(target=work, daemon=True) for _ in range(beside)]
    for helper in helpers:
        helper.start()
    work()
    for helper in helpers:
        helper.join()
    if errors:
        raise errors[0]


def share_of_cores(threads: int) -> int:
    """How many cores one of so many statements takes; 0 = as many as there are. A server divides its own itself."""
    if threads == 1 or not target().embedded:
        return 0
    return max(1, (os.cpu_count() or 1) // threads)
