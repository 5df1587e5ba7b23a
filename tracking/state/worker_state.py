"""The state of a collecting worker (`manage.py serve --workers`): the store's process answers over a Unix socket.

As with Redis (`redis_state.py`), the hits of one iteration of the event loop share a round trip, and a worker continues
with its own memory while the store's process is away. So what it learns there it also notes in its own memory.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from tracking.state.base import R, State
from tracking.state.memory import MemoryState
from tracking.state.questions import (
    ClaimFirst,
    JoinVisit,
    NotJoined,
    PutValue,
    Question,
    ReleaseSenderId,
    TakeNumber,
    claims_nothing,
)
from tracking.state.suspension import find_suspendable_call, run_suspendable
from tracking.state.visits import REORDER_AFTER_MS, OpenVisit
from tracking.state.worker_codec import LOST, STALE, UNDECIDED, Proposal, decode_visit, encode_join, encode_question
from tracking.state.worker_link import StoreLink
from tracking.state.worker_messages import UNANSWERED, Answers, EncodedQuestion

ASK_AGAIN_SECONDS = 0.05  # after which it is asked again whether the event of a claim is stored
UNDECIDED_ATTEMPTS = 100  # a killed worker is noticed within a second


class WorkerState(State):
    """The state that all workers of a store's process share."""

    suspends = True

    def __init__(self, path: Path, local: MemoryState) -> None:
        super().__init__()
        self.local = local
        self.link = StoreLink(path)

    def resolve(self, batch: Sequence[Question[object]]) -> list[object]:
        """Ask the store's process in one round trip, or this worker's own memory without its answer."""
        encoded = [self.encode(question) for question in batch]
        answers = self.execute([message for message, _ in encoded])
        if answers is None:
            return self.local.resolve(batch)
        if claims_nothing(batch):
            self.link.settlement.note_unclaimed(find_suspendable_call())
        decoded = []
        for question, (_, visit), answer in zip(batch, encoded, answers, strict=True):
            found = self.decode(question, visit, answer)
            decoded.append(replace(found) if isinstance(found, OpenVisit) else found)  # a later one may change it
        return decoded

    def join_visit(self, question: JoinVisit) -> OpenVisit | NotJoined:
        """Ask the question of nearly every hit."""
        message, visit = self.encode_join(question)
        answers = self.execute((message,))
        return self.local.join_visit(question) if answers is None else self.decode_join(question, visit, answers[0])

    def execute(self, messages: Sequence[EncodedQuestion]) -> Answers | None:
        """Return the answers of the store's process; None while it is away."""
        if self.link.availability.is_away():
            return None
        call = find_suspendable_call()
        return self.link.blocking.ask(messages) if call is None else self.link.ask(call, messages)

    async def run(self, function: Callable[..., R], *arguments: object) -> R:
        """Call the function; wherever it asks the state, other requests go on."""
        return await run_suspendable(function, *arguments)

    async def drain(self) -> None:
        """Wait until every suspended call has its answer."""
        await self.link.drain()

    def begin_restore(self) -> bool:
        """Return False: the store's process restores the state."""
        return False

    def encode(self, question: Question[object]) -> tuple[EncodedQuestion, OpenVisit | None]:
        """Encode a question; return also the visit that this worker takes for the open one."""
        if isinstance(question, JoinVisit):
            return self.encode_join(question)
        return encode_question(question), None

    def encode_join(self, question: JoinVisit) -> tuple[EncodedQuestion, OpenVisit | None]:
        """Encode a visit's question. Nearly every hit belongs to a visit that both processes know."""
        if not question.is_bot and question.before_consent is None:
            visit = self.local.find_open_visit(question)[1]
            if visit is not None:
                return encode_join(question, "known", visit), visit
        return self.encode_join_or_open(question), None

    def encode_join_or_open(self, question: JoinVisit, is_lost: bool = True) -> EncodedQuestion:
        """Encode a visit's question with the visit to open: if the store's process lost it, the one of this worker."""
        kind: Proposal = "continued"
        visit = self.local.find_open_visit(question)[1] if is_lost and not question.is_bot else None
        if visit is None:
            visit = question.open_visit(question)
            kind = "" if visit is None else "new"
        return encode_join(question, kind, visit)

    def decode(self, question: Question[object], visit: OpenVisit | None, answer: object) -> object:
        """Decode an answer, and note it in this worker."""
        if answer is UNANSWERED:
            return self.local.ask(question)
        match question:
            case JoinVisit():
                return self.decode_join(question, visit, answer)
            case ClaimFirst():
                if answer == UNDECIDED:
                    return self.claim_when_decided(question)
                if answer:
                    self.local.get_window(question.window).note(question.key, question.at)
            case TakeNumber() if isinstance(answer, int):
                self.local.counters.seed(question.counter, answer)
            case PutValue() | ReleaseSenderId():
                self.local.ask(question)
        return answer

    def decode_join(self, question: JoinVisit, known: OpenVisit | None, answer: object) -> OpenVisit | NotJoined:
        """Decode the visit, and note it in this worker."""
        if answer is UNANSWERED:
            return self.local.join_visit(question)
        if answer == UNDECIDED:
            return self.join_when_decided(question)
        if answer in ("duplicate", "unknown_visit"):
            return "duplicate" if answer == "duplicate" else "unknown_visit"
        if answer in (LOST, STALE):
            self.link.settlement.note_unclaimed(find_suspendable_call())
            answers = self.execute((self.encode_join_or_open(question, is_lost=answer == LOST),))
            return self.decode_join(question, None, answers[0]) if answers else self.local.join_visit(question)
        assert isinstance(answer, tuple)
        if question.sender_id is not None:
            self.local.sent_ids.claim(question.sender_id)
        if known is not None and len(answer) == 4:
            _, known.last, known.view_id, known.reported = answer
            if known.last - known.reordered_at >= REORDER_AFTER_MS:
                self.local.visits.put(question.key, known)
            return known
        key, is_opened, fields = answer
        visit = decode_visit(fields)
        if not question.is_bot:
            self.local.visits.put(key, visit)
            if is_opened:
                self.local.register_device(question.key)
        return visit

    def join_when_decided(self, question: JoinVisit) -> OpenVisit | NotJoined:
        """Ask again while nobody knows whether the hit is stored that another worker has got with the same id."""
        for _ in range(UNDECIDED_ATTEMPTS):
            self.pause()
            message, visit = self.encode_join(question)
            answers = self.execute((message,))
            if answers is None:
                return self.local.join_visit(question)
            if answers[0] != UNDECIDED:
                return self.decode_join(question, visit, answers[0])
        return "undecided"

    def claim_when_decided(self, question: ClaimFirst) -> object:
        """Ask again while nobody knows whether what another worker has claimed is stored; None if it takes too long."""
        for _ in range(UNDECIDED_ATTEMPTS):
            self.pause()
            answers = self.execute((encode_question(question),))
            if answers is None:
                return self.local.claim_first(question)
            if answers[0] != UNDECIDED:
                return self.decode(question, None, answers[0])
        return None

    def pause(self) -> None:
        """Wait a moment before the same question is asked again."""
        call = find_suspendable_call()
        if call is None:
            time.sleep(ASK_AGAIN_SECONDS)
        else:
            self.link.settlement.pause(call, ASK_AGAIN_SECONDS)
