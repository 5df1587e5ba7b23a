"""The state of a single process, in its memory and in DATA_DIR."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from tracking.bots.request_rate import RequestRates
from tracking.schema import select_columns
from tracking.state.base import A, State
from tracking.state.deduplication import SentIds
from tracking.state.first_seen import FirstSeenFilter, hash_bits
from tracking.state.questions import (
    ClaimFirst,
    CountRequest,
    GetSalt,
    GetValue,
    JoinVisit,
    KeepSenderId,
    NotJoined,
    PutValue,
    Question,
    ReleaseSenderId,
    RestoreClaim,
    RestoreVisit,
    TakeNumber,
    Window,
)
from tracking.state.salts import SaltFile
from tracking.state.visits import REORDER_AFTER_MS, VISITOR_COLUMNS, MemoryVisits, OpenVisit, VisitKey, is_open
from tracking.state.windows import Counters, MemoryWindow, RequestCounts, Values

MAX_OPEN_VISITS = 400_000
MAX_BOT_VISITS = 20_000


class MemoryState(State):
    """The state of one process."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.local = self
        self.folder = folder
        self.visits = MemoryVisits(MAX_OPEN_VISITS)
        self.bot_visits = MemoryVisits(MAX_BOT_VISITS)  # they only matter if somebody restores a bot
        self.sent_ids = SentIds(folder / "seen")
        self.salt_file = SaltFile(folder / "salts.json")
        self.windows: dict[str, MemoryWindow] = {}
        self.counters = Counters()
        self.values = Values()
        self.request_counts = RequestCounts()
        self.request_rates = RequestRates()
        self.answers: dict[type, Callable[[Any], Any]] = {
            JoinVisit: self.join_and_copy_visit,
            KeepSenderId: lambda question: self.sent_ids.keep(question.sender_id),
            ReleaseSenderId: lambda question: self.sent_ids.release(question.sender_id),
            GetSalt: lambda question: self.salt_file.get(question.day),
            ClaimFirst: self.claim_first,
            RestoreClaim: lambda question: self.get_window(question.window).note(question.key, question.at),
            RestoreVisit: self.restore_visit,
            TakeNumber: lambda question: self.counters.take(question.counter),
            GetValue: lambda question: self.values.get(question.key),
            PutValue: lambda question: self.values.put(question.key, question.value),
            CountRequest: lambda asked: self.request_counts.count(asked.key, asked.seconds, asked.now),
        }

    @cached_property
    def first_seen(self) -> FirstSeenFilter:
        """The devices that were seen, read on first use."""
        return FirstSeenFilter(self.folder)

    def resolve(self, batch: Sequence[object]) -> list[object]:
        """Answer the questions in their order."""
        answers = self.answers
        return [answers[type(question)](question) for question in batch]

    def ask(self, question: Question[A]) -> A:
        """Answer one question, without the detour of a batch."""
        answer: A = self.answers[type(question)](question)
        return answer

    def begin_restore(self) -> bool:
        """Return True: a new process knows nothing."""
        return True

    def join_and_copy_visit(self, question: JoinVisit) -> OpenVisit | NotJoined:
        """Join the visit that is open, or open one; return it as it is now, since a batch may change it again."""
        visit = self.join_visit(question)
        return visit if isinstance(visit, str) else replace(visit)

    def join_visit(self, question: JoinVisit) -> OpenVisit | NotJoined:
        """Join the visit that is open, or open one."""
        key, at, idle, sender_id = question.key, question.at, question.idle, question.sender_id
        if sender_id is not None and self.sent_ids.contains(sender_id):
            return "duplicate"
        visit = self.visits.by_key.get(key)
        if visit is None or question.session or question.is_bot or not visit.start - idle <= at <= visit.last + idle:
            visit = self.join_other_visit(question)
            if visit is None:
                return "unknown_visit"
        else:  # nearly always
            add_hit(visit, question)
            if visit.last - visit.reordered_at >= REORDER_AFTER_MS:
                self.visits.put(key, visit)
        if sender_id is not None:
            self.sent_ids.claim(sender_id)
        return visit

    def join_other_visit(self, question: JoinVisit) -> OpenVisit | None:
        """Join a visit that is not simply the open one of the device, or open one; None if no visit may begin."""
        key, visit = self.find_open_visit(question)
        if question.is_bot:
            visit = self.get_bot_visit(question, self.was_seen(question.key)) if visit is None else replace(visit)
        elif visit is None:
            visit = self.open_visit(question)
        elif question.before_consent is not None and self.visits.get(key) is not visit:
            self.register_device(key)
            visit = replace(visit)  # the one without a cookie stays where it is
        if visit is not None:
            add_hit(visit, question)
            if not question.is_bot:
                self.visits.put(key, visit)
        return visit

    def open_visit(self, question: JoinVisit) -> OpenVisit | None:
        """Open a visit, and add its device to those that were seen; None for hits that never begin a visit."""
        visit = question.open_visit(question)
        if visit is not None:
            visit.is_new = int(self.register_device(question.key))
        return visit

    def find_open_visit(self, question: JoinVisit) -> tuple[VisitKey, OpenVisit | None]:
        """Return the open visit, or None, and the key under which it is stored from now on."""
        key, at, idle = question.key, question.at, question.idle
        if question.session:
            match = self.visits.by_id(key[0], question.session)
            if match and is_open(match[1], at, idle):
                return match
        visit = self.visits.by_key.get(key)
        if visit is not None and visit.start - idle <= at <= visit.last + idle:
            return key, visit
        if question.yesterday is not None:
            visit = self.visits.get(question.yesterday)
            if is_open(visit, at, idle):
                return question.yesterday, visit
        elif question.before_consent is not None:
            visit = self.visits.get(question.before_consent)
            if is_open(visit, at, idle) and not self.was_seen(key):
                return key, visit
        return key, None

    def get_bot_visit(self, question: JoinVisit, was_seen: bool) -> OpenVisit | None:
        """Return the open visit among those of bots, or open one there, which registers no device as seen."""
        key = (*question.key[:2], 0)
        visit = self.bot_visits.get(key)
        if not is_open(visit, question.at, question.idle):
            visit = question.open_visit(question)
            if visit is not None:
                visit.is_new = int(not was_seen)
        if visit is not None:
            self.bot_visits.put(key, visit)
        return visit

    def register_device(self, key: VisitKey) -> bool:
        """Return whether the device of a visit was not seen on its site before, and add it."""
        return self.first_seen.register(hash_bits(key[0], key[1]))

    def was_seen(self, key: VisitKey) -> bool:
        """Return whether the device of a visit was seen on its site before."""
        return self.first_seen.has(hash_bits(key[0], key[1]))

    def restore_visit(self, question: RestoreVisit) -> None:
        """Note an open visit and its device."""
        self.visits.put(question.key, question.visit)
        self.register_device(question.key)

    def claim_and_put(self, claim: ClaimFirst, value: PutValue) -> bool:
        """Answer the questions of nearly every click, without the detour of a batch."""
        self.values.put(value.key, value.value)
        return self.claim_first(claim)

    def claim_first(self, question: ClaimFirst) -> bool:
        """Answer whether the key is the first within its window."""
        memory = self.windows.get(question.window.name)
        if memory is None:
            memory = self.get_window(question.window)
        return memory.claim(question.key, question.at, question.older)

    def get_window(self, window: Window) -> MemoryWindow:
        """Return the memory of a window."""
        memory = self.windows.get(window.name)
        return self.windows.setdefault(window.name, MemoryWindow(window)) if memory is None else memory


def add_hit(visit: OpenVisit, question: JoinVisit) -> None:
    """Add a hit to its visit. `start` never moves, even if an earlier event arrives late: it is part of the key."""
    if question.at > visit.last:
        visit.last = question.at
    if question.view_id:
        visit.view_id = question.view_id
    if len(visit.reported) < len(VISITOR_COLUMNS):
        # A new dictionary, since copies of the visit hold the old one
        visit.reported = {**select_columns(question.reported, VISITOR_COLUMNS), **visit.reported}
