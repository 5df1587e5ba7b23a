"""Questions of a collecting worker as plain values, and how the store's process answers them from its memory.

Nearly every hit belongs to a visit that the worker and the store's process know. Its question names that visit, so the
answer need not repeat what never changes. A visit to open goes along with the question where the worker knows none; if
the store's process does not know the visit that was named, it answers LOST or STALE, and the worker asks again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Literal, TypeAlias

from tracking.schema import Event
from tracking.state.deduplication import to_event_id
from tracking.state.memory import MemoryState
from tracking.state.open_claims import AskingBatch, OpenClaims
from tracking.state.questions import (
    ClaimFirst,
    CountRequest,
    GetSalt,
    GetValue,
    JoinVisit,
    KeepSenderId,
    PutValue,
    Question,
    ReleaseSenderId,
    RestoreClaim,
    RestoreVisit,
    SenderId,
    StateKey,
    TakeNumber,
    Window,
)
from tracking.state.visits import OpenVisit, VisitKey
from tracking.state.worker_messages import UNANSWERED, EncodedQuestion

JOIN, CLAIM, NUMBER, GET, PUT, KEEP, RELEASE, SALT, RESTORE_CLAIM, RESTORE_VISIT, COUNT = range(11)
LOST, STALE = "lost", "stale"  # stale: another process has begun a later visit
UNDECIDED = "undecided"  # it is not known yet whether what another worker has claimed is in its spool
Proposal = Literal["known", "new", "continued", ""]  # the worker's visit, one to open, one to go on with, none
SenderFields: TypeAlias = tuple[int, bool, float]
VisitFields: TypeAlias = tuple[int, int, int, int, int, int, Event, Event]
log = logging.getLogger(__name__)


# -- in the worker -------------------------------------------------------------------------------------------------


def encode_sender_id(sender_id: SenderId | None) -> SenderFields | None:
    """Return the fields of a sender's id."""
    return None if sender_id is None else (sender_id.key, sender_id.is_brief, sender_id.now)


def encode_visit(visit: OpenVisit) -> VisitFields:
    """Return the fields of a visit."""
    return (
        visit.id, visit.device, visit.start, visit.last, visit.view_id, visit.is_new, visit.origin.copy(),
        visit.reported.copy(),
    )  # fmt: skip


def decode_visit(fields: VisitFields) -> OpenVisit:
    """Return the visit with these fields."""
    number, device, start, last, view_id, is_new, origin, reported = fields
    return OpenVisit(number, device, start, last, view_id=view_id, is_new=is_new, origin=origin, reported=reported)


def encode_join(question: JoinVisit, kind: Proposal, visit: OpenVisit | None) -> EncodedQuestion:
    """Encode a visit's question with the id of the visit that the worker knows, or with the one to open."""
    fields = visit.id if kind == "known" and visit else None if visit is None else encode_visit(visit)
    get = question.reported.get
    return (
        JOIN, question.key, question.at, question.idle, get("screen", ""), get("language", ""), question.session,
        question.yesterday, question.before_consent, question.view_id, encode_sender_id(question.sender_id),
        question.is_bot, kind, fields,
    )  # fmt: skip


def encode_window(window: Window) -> tuple[str, int, int]:
    """Return the fields of a window."""
    return window.name, window.seconds, window.max_keys


def encode_question(asked: Question[object]) -> EncodedQuestion:
    """Encode any question but a visit's. Raises TypeError for one that no worker asks."""
    match asked:  # the most frequent ones first
        case ClaimFirst():
            return CLAIM, encode_window(asked.window), asked.key, asked.at, asked.older, asked.waits
        case PutValue():
            return PUT, asked.key, dict(asked.value), asked.seconds
        case TakeNumber():
            return NUMBER, asked.counter
        case GetValue():
            return GET, asked.key
        case CountRequest():
            return COUNT, asked.key, asked.seconds, asked.now
        case KeepSenderId():
            return KEEP, encode_sender_id(asked.sender_id)
        case ReleaseSenderId():
            return RELEASE, encode_sender_id(asked.sender_id)
        case GetSalt():
            return SALT, asked.day.toordinal()
        case RestoreClaim():
            return RESTORE_CLAIM, encode_window(asked.window), asked.key, asked.at, asked.now
        case RestoreVisit():
            return RESTORE_VISIT, asked.key, encode_visit(asked.visit)
    raise TypeError(f"{type(asked).__name__} is no question of a worker")


# -- in the store's process ----------------------------------------------------------------------------------------


@dataclass(slots=True)
class ProposedVisit:
    """The visit that a worker sent to be opened, and whether it was."""

    visit: OpenVisit | None
    is_opened: bool = False


def open_proposed_visit(question: JoinVisit) -> OpenVisit | None:
    """Open the visit that the worker sent, if it sent one."""
    proposed: ProposedVisit = question.basis
    proposed.is_opened = proposed.visit is not None
    return proposed.visit


build_window = lru_cache(maxsize=100)(Window)


class AnsweringState:
    """Answers the messages of workers from the memory of the store's process."""

    def __init__(self, state: MemoryState) -> None:
        self.state = state
        self.claims = OpenClaims()
        self.ended: set[str] = set()  # numbers of workers whose spool was adopted
        self.join: Callable[..., object] = self.answer_join  # with the fields of a message
        self.plain: dict[object, Callable[..., Question[object]]] = {
            NUMBER: TakeNumber,
            GET: GetValue,
            PUT: PutValue,
            KEEP: lambda sender_id: KeepSenderId(SenderId(*sender_id)),
            RELEASE: lambda sender_id: ReleaseSenderId(SenderId(*sender_id)),
            SALT: lambda day: GetSalt(date.fromordinal(day)),
            RESTORE_CLAIM: lambda window, *rest: RestoreClaim(build_window(*window), *rest),
            RESTORE_VISIT: lambda key, visit: RestoreVisit(key, decode_visit(visit)),
            COUNT: CountRequest,
        }

    def answer_all(
        self, questions: Sequence[EncodedQuestion], process: str = "", number: int = 0, settled: int = 0
    ) -> list[object]:
        """Answer the questions in their order; one that fails does not concern the others.

        They are of a batch with this number, of a process with this one, of which everything is in the spool that it
        claimed up to the batch `settled`. A process that has ended claims nothing any more.
        """
        if process in self.ended:
            return []
        self.claims.settle(process, settled)
        self.claims.batch = AskingBatch(process, number)
        answers: list[object] = []
        for fields in questions:
            try:
                answers.append(self.answer(fields))
            except Exception:
                log.exception("a question of a worker failed")
                answers.append(UNANSWERED)
        return answers

    def answer(self, fields: EncodedQuestion) -> object:
        """Answer one question."""
        if fields[0] == JOIN:
            return self.join(*fields[1:])
        if fields[0] == CLAIM:
            return self.answer_claim(*fields[1:])  # type: ignore[arg-type]
        question = self.plain[fields[0]](*fields[1:])
        if isinstance(question, ReleaseSenderId):
            self.claims.forget(question.sender_id.key)
        answer = self.state.ask(question)
        return dict(answer) if fields[0] == GET and isinstance(answer, Mapping) else answer

    def answer_join(
        self, key: VisitKey, at: int, idle: int, screen: str, language: str, session: int,
        yesterday: VisitKey | None, before_consent: VisitKey | None, view_id: int, sender_id: SenderFields | None,
        is_bot: bool, kind: Proposal, fields: int | VisitFields | None,
    ) -> object:  # fmt: skip
        """Answer which visit a hit belongs to: its fields, or a word without one."""
        known_id = fields if isinstance(fields, int) else 0
        proposed = ProposedVisit(decode_visit(fields) if isinstance(fields, tuple) else None)
        question = JoinVisit(
            key, at, idle, {}, open_visit=open_proposed_visit, basis=proposed, session=session, yesterday=yesterday,
            before_consent=before_consent, view_id=view_id, is_bot=is_bot,
            sender_id=SenderId(*sender_id) if sender_id else None,
        )  # fmt: skip
        if screen:
            question.reported["screen"] = screen
        if language:
            question.reported["language"] = language
        if (asked := question.sender_id) is not None and (claimer := self.claims.find_process(asked.key)):
            return "duplicate" if claimer == self.claims.batch.process else UNDECIDED
        if kind == "continued" and self.knows_other_visit(question):
            return STALE
        was_new = proposed.visit.is_new if proposed.visit else 0
        visit = self.state.join_visit(question)
        if isinstance(visit, str):
            if visit == "unknown_visit" and known_id:
                return STALE if self.knows_any_visit(question) else LOST
            return visit
        if asked is not None:
            self.claims.add(asked.key, asked)
        if visit.id == known_id:
            return visit.id, visit.last, visit.view_id, visit.reported
        if kind == "continued" and proposed.is_opened:
            visit.is_new = was_new
        stored_key = self.state.visits.keys_by_id.get((key[0], visit.id), key)
        return stored_key, proposed.is_opened, encode_visit(visit)

    def answer_claim(
        self, window: tuple[str, int, int], key: StateKey, at: float, older: tuple[StateKey, ...], waits: bool
    ) -> object:
        """Answer whether a key is the first within its window."""
        name = window[0]
        question = ClaimFirst(build_window(*window), key, at, older)
        is_first = self.state.claim_first(question)
        if is_first:
            self.claims.add((name, key), question)
        elif waits and any(self.claims.is_open_elsewhere((name, each)) for each in (key, *older)):
            return UNDECIDED
        return is_first

    def note_ended(self, process: str, event_ids: Sequence[int], claims: Sequence[RestoreClaim]) -> None:
        """Note that a worker has ended which left these events in its spool, with what they claim.

        What else it had claimed is free again.
        """
        self.ended.add(process)
        stored_ids, stored_keys = set(event_ids), {(claim.window.name, claim.key) for claim in claims}
        for key, _, _, claimed in self.claims.take_all(process):
            if isinstance(claimed, ClaimFirst):
                if key not in stored_keys:
                    self.state.get_window(claimed.window).release(claimed.key)
            elif to_event_id(claimed.key) not in stored_ids:
                self.state.sent_ids.release(claimed)
            elif not claimed.is_brief:
                self.state.sent_ids.keep(claimed)

    def knows_other_visit(self, question: JoinVisit) -> bool:
        """Return whether a visit of the device is known, but none is open."""
        return self.state.find_open_visit(question)[1] is None and self.knows_any_visit(question)

    def knows_any_visit(self, question: JoinVisit) -> bool:
        """Return whether a visit under any of the question's keys is known, however old."""
        visits = self.state.visits
        keys = (question.key, question.yesterday, question.before_consent)
        by_id = visits.by_id(question.key[0], question.session) if question.session else None
        return by_id is not None or any(key is not None and visits.get(key) is not None for key in keys)
