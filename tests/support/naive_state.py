"""What hits must know of each other, in the plainest way: dictionaries that never forget anything.

A random walk of questions (`StateWalk`) is answered by this and by an implementation of the state. With several states,
which share a Redis, each batch goes to one of them, as requests go to processes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, rule

from tracking.event import Event
from tracking.state.base import State
from tracking.state.questions import (
    ClaimFirst,
    GetValue,
    JoinVisit,
    PutValue,
    SenderId,
    StateKey,
    TakeNumber,
    Value,
    Window,
)
from tracking.state.visits import OpenVisit, VisitKey, generate_id

IDLE = 30 * 60_000
BEGIN = 1_772_452_800_000  # 2 March 2026, 12:00 UTC
WINDOW = Window("walk", 1800)
NAMES: some.SearchStrategy[StateKey] = some.sampled_from(("a", "b", 5, 2**60))


@dataclass(kw_only=True)
class NaiveState:
    """The answers, from everything that was ever asked."""

    visits: dict[VisitKey, OpenVisit] = field(default_factory=dict)
    keys: dict[int, VisitKey] = field(default_factory=dict)
    devices: set[tuple[int, int]] = field(default_factory=set)
    sent: set[int] = field(default_factory=set)
    firsts: dict[StateKey, float] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)
    values: dict[StateKey, Value] = field(default_factory=dict)

    def answer(self, question: Any) -> Any:
        match question:
            case JoinVisit():
                return self.join(question)
            case ClaimFirst():
                return self.claim(question)
            case TakeNumber():
                self.counts[question.counter] = self.counts.get(question.counter, 0) + 1
                return self.counts[question.counter]
            case PutValue():
                self.values[question.key] = question.value
                return None
        return self.values.get(question.key)

    def claim(self, question: ClaimFirst) -> bool:
        for name in (question.key, *question.older):
            if name in self.firsts and abs(question.at - self.firsts[name]) < question.window.seconds:
                return False
        self.firsts[question.key] = question.at
        return True

    def find(self, question: JoinVisit) -> tuple[VisitKey, OpenVisit | None]:
        def open_at(key: VisitKey | None) -> OpenVisit | None:
            visit = self.visits.get(key) if key else None
            return visit if visit and visit.start - IDLE <= question.at <= visit.last + IDLE else None

        named = self.keys.get(question.session)
        if named and named[0] == question.key[0] and (visit := open_at(named)) and visit.id == question.session:
            return named, visit
        if visit := open_at(question.key):
            return question.key, visit
        if visit := open_at(question.yesterday):
            return question.yesterday or question.key, visit
        if question.key[:2] not in self.devices and (visit := open_at(question.before_consent)):
            self.devices.add(question.key[:2])
            return question.key, replace(visit)
        return question.key, None

    def join(self, question: JoinVisit) -> OpenVisit | str:
        sent = question.sender_id.key if question.sender_id else 0
        if sent in self.sent:
            return "duplicate"
        key, visit = self.find(question)
        if visit is None:
            visit = question.open_visit(question)
            if visit is None:
                return "unknown_visit"
            visit.is_new = int(question.key[:2] not in self.devices)
            self.devices.add(question.key[:2])
        if sent:
            self.sent.add(sent)
        visit.last = max(visit.last, question.at)
        visit.view_id = question.view_id or visit.view_id
        visit.reported = {**question.reported, **visit.reported}
        self.visits[key], self.keys[visit.id] = visit, key
        return replace(visit)


class StateWalk(RuleBasedStateMachine):
    """Batches of questions over some hours, at one of several processes."""

    states: Callable[[], list[State]]  # new ones, which know nothing

    def __init__(self) -> None:
        super().__init__()
        self.processes, self.naive, self.at, self.ids = type(self).states(), NaiveState(), BEGIN, 0

    @rule(seconds=some.sampled_from((0, 1, 599, 1799, 1800, 1801, 7200)))
    def wait(self, seconds: int) -> None:
        self.at += seconds * 1000
        self.ids += seconds > 500  # ids of beacons are only kept for minutes

    @rule(data=some.data(), process=some.integers(0, 9), size=some.integers(1, 6))
    def resolve(self, data: some.DataObject, process: int, size: int) -> None:
        """One batch: each of its answers is the naive one, in the same order."""
        questions = [data.draw(some.sampled_from(KINDS))(self, data) for _ in range(size)]
        expected = [self.naive.answer(question) for question in questions]
        answers = self.processes[process % len(self.processes)].resolve(questions)
        assert answers == expected

    @rule(data=some.data(), process=some.integers(0, 9))
    def ask_without_a_batch(self, data: some.DataObject, process: int) -> None:
        """The questions of nearly every hit and of nearly every click."""
        state = self.processes[process % len(self.processes)]
        join, claim, value = draw_join(self, data), draw_claim(self, data), draw_value(self, data)
        assert state.join_visit(join) == self.naive.answer(join)
        assert (state.claim_and_put(claim, value), None) == (self.naive.answer(claim), self.naive.answer(value))


def draw_key(data: some.DataObject) -> VisitKey:
    return data.draw(some.tuples(some.sampled_from((1, 2)), some.sampled_from((11, 12)), some.just(0)))


def draw_join(walk: StateWalk, data: some.DataObject) -> JoinVisit:
    key, number, late = draw_key(data), generate_id(), data.draw(some.sampled_from((0, 0, 0, 5, 1900)))
    at, other = walk.at - late * 1000, data.draw(some.sampled_from(("", "", "yesterday", "before_consent")))

    never_begins = data.draw(some.integers(0, 4)) == 0

    def open_visit(_: JoinVisit) -> OpenVisit | None:  # asked by both sides: one visit each, with equal columns
        return (
            None
            if never_begins
            else OpenVisit(number, key[1], at, at, origin={"source": "Google", "link_id": 2**53 - 1})
        )

    reported: tuple[Event, ...] = ({}, {"screen": "1920x1080"}, {"screen": "1x1", "language": "de-AT"})
    question = JoinVisit(
        key=key, at=at, idle=IDLE, open_visit=open_visit,
        session=data.draw(some.sampled_from((0, 0, *walk.naive.keys))),
        view_id=data.draw(some.sampled_from((0, 2**53 - 1, 7))),
        reported=data.draw(some.sampled_from(reported)),
    )  # fmt: skip
    if other:
        setattr(question, other, (key[0], 13, 0))
    if name := data.draw(some.sampled_from(("", "", "a", "b"))):
        question.sender_id = SenderId(1 + walk.ids * 2 + (name == "b"), True, walk.at / 1000)
    return question


def draw_claim(walk: StateWalk, data: some.DataObject) -> ClaimFirst:
    """Never late: a process forgets a key when its window has passed, which a late claim of it would show."""
    older = data.draw(some.lists(NAMES, max_size=1))
    return ClaimFirst(WINDOW, data.draw(NAMES), walk.at / 1000, tuple(older))


def draw_value(walk: StateWalk, data: some.DataObject) -> PutValue:
    return PutValue(data.draw(NAMES), {"at": walk.at, "word": data.draw(some.text(max_size=3))}, 600)


KINDS: tuple[Callable[[StateWalk, some.DataObject], Any], ...] = (
    draw_join,
    draw_join,
    draw_claim,
    lambda walk, data: TakeNumber(data.draw(some.integers(1, 2))),
    draw_value,
    lambda walk, data: GetValue(data.draw(NAMES)),
)
