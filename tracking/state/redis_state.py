"""The state that several processes share in Redis.

A batch of questions is one round trip. A call that may be suspended shares it with all others of its event loop
(`redis_batches.py`); any other code waits for its own. When Redis is away, each process continues with its own memory:
a hit neither waits for Redis nor is lost. So what a process learns from Redis it also notes there.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import orjson

from tracking.state.base import R, State
from tracking.state.memory import MemoryState, add_hit
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
    claims_nothing,
)
from tracking.state.redis_batches import RedisBatches
from tracking.state.redis_codec import (
    BLANK_VISIT,
    KEPT_SECONDS,
    decode_changes,
    decode_nothing,
    decode_visit,
    encode_claim,
    encode_count,
    encode_device,
    encode_get,
    encode_join,
    encode_keep,
    encode_put,
    encode_release,
    encode_restored_claim,
    encode_restored_visit,
    encode_salt,
    encode_visit,
    parse_visit_name,
)
from tracking.state.redis_link import TIMEOUT_SECONDS, Command, RedisLink, Reply, build_command
from tracking.state.suspension import find_suspendable_call, run_suspendable
from tracking.state.visits import OpenVisit

ASK_AGAIN_SECONDS = 0.05  # after which it is asked again whether the event of a claim is stored
UNDECIDED_SECONDS = 5.0  # for which a hit waits for that: longer than a server that is killed needs to start again
ENDED_SECONDS = 91 * 86_400  # for which it is known that a process has ended: longer than the longest window
STORED_PREFIX, ENDED_PREFIX = "footfall:stored:", "footfall:ended:"  # as `redis_scripts.CLAIMS` has them
RESTORED_KEY = "footfall:open-visits-known"  # missing after Redis lost its memory
UNDECIDED = 2  # the reply of `claim_first` if it is not known whether what another process has claimed is stored
NOTE_SIZE = 1000  # ids or commands in one call
log = logging.getLogger(__name__)


class Codec(NamedTuple):
    """How a question becomes a command, and the reply its answer."""

    encode: Callable[[Any], Command]
    decode: Callable[[Any, Reply], object]


class RedisState(State):
    """The state of all processes with this Redis."""

    suspends = outlives_processes = True

    def __init__(self, url: str, local: MemoryState) -> None:
        super().__init__()
        self.local = local
        self.redis = RedisLink(url)
        self.batches = RedisBatches(self.redis)
        self.codecs: dict[type, Codec] = {
            JoinVisit: Codec(self.encode_join, self.decode_join),
            KeepSenderId: Codec(encode_keep, decode_nothing),
            ReleaseSenderId: Codec(encode_release, lambda question, reply: self.local.ask(question)),
            GetSalt: Codec(encode_salt, lambda question, reply: bytes.fromhex(reply.decode())),
            ClaimFirst: Codec(encode_claim, self.decode_claim),
            RestoreClaim: Codec(encode_restored_claim, lambda question, reply: self.local.ask(question)),
            RestoreVisit: Codec(encode_restored_visit, lambda question, reply: self.local.ask(question)),
            TakeNumber: Codec(self.encode_number, self.decode_number),
            GetValue: Codec(encode_get, lambda question, reply: orjson.loads(reply) if reply else None),
            PutValue: Codec(encode_put, lambda question, reply: self.local.ask(question)),
            CountRequest: Codec(encode_count, lambda question, reply: reply),
        }

    def resolve(self, batch: Sequence[Question[object]]) -> list[object]:
        """Ask Redis in one round trip, or this process's own memory while Redis is away or if a question failed."""
        codecs = [self.codecs[type(question)] for question in batch]
        replies = self.execute([codec.encode(question) for codec, question in zip(codecs, batch, strict=True)])
        if replies is None:
            return self.local.resolve(batch)
        if claims_nothing(batch):
            self.batches.settlement.note_unclaimed(find_suspendable_call())
        return [codec.decode(question, reply) for codec, question, reply in zip(codecs, batch, replies, strict=True)]

    def execute(self, commands: Sequence[Command]) -> list[Reply] | None:
        """Return Redis' replies to the commands; None while it is away, or if a command failed."""
        if self.redis.is_away():
            return None
        call = find_suspendable_call()
        return self.redis.execute(commands) if call is None else self.batches.ask(call, commands)

    async def run(self, function: Callable[..., R], *arguments: object) -> R:
        """Call the function; wherever it asks the state, other requests go on."""
        return await run_suspendable(function, *arguments)

    async def drain(self) -> None:
        """Wait until every suspended call has its answer."""
        await self.batches.drain()

    def begin_restore(self) -> bool:
        """Return whether this is the first process since Redis lost its memory, or Redis is away."""
        replies = self.execute([build_command("SET", RESTORED_KEY, 1, "NX")])
        return replies is None or bool(replies[0])

    def encode_join(self, question: JoinVisit) -> Command:
        """Encode a visit's question. Nearly every hit belongs to a visit that this process and Redis know."""
        rare = question.is_bot or question.before_consent is not None
        if not rare:
            key, visit = self.local.find_open_visit(question)
            if visit is not None:
                question.known = key, visit
                return encode_join(question, "known")
        return self.encode_join_or_open(question)

    def encode_join_or_open(self, question: JoinVisit, is_lost: bool = True) -> Command:
        """Encode a visit's question, with the visit to open: the one this process has open if Redis has lost it."""
        kind, visit = self.propose_visit(question, is_lost)
        question.known = (question.key, visit) if kind else None
        return encode_join(question, kind, (*encode_visit(visit), *encode_device(question.key)))

    def propose_visit(self, question: JoinVisit, is_lost: bool) -> tuple[str, OpenVisit]:
        """Return the visit to open if none is open in Redis, and whether it is new; ("", a blank) for none."""
        if not question.is_bot:
            visit = self.local.find_open_visit(question)[1] if is_lost else None
            if visit is not None:
                return "continued", visit
            visit = question.open_visit(question)
            if visit is not None:
                return "new", visit
        return "", BLANK_VISIT

    def decode_join(self, question: JoinVisit, reply: list[Reply]) -> OpenVisit | NotJoined:
        """Decode the visit, and note it in this process."""
        kind, *rest = reply
        if kind == b"duplicate" or (question.sender_id and self.local.sent_ids.contains(question.sender_id)):
            return "duplicate"
        if kind == b"unknown_visit":
            return "unknown_visit"
        if kind == b"undecided":
            return self.join_when_decided(question)
        if kind in (b"lost", b"stale"):  # by Redis, or because another process has begun a later visit
            self.batches.settlement.note_unclaimed(find_suspendable_call())
            replies = self.execute([self.encode_join_or_open(question, is_lost=kind == b"lost")])
            return self.decode_join(question, replies[0]) if replies else self.local.join_visit(question)
        if kind == b"none":
            return self.join_bot_visit(question, bool(rest[0]))
        if question.sender_id:
            self.local.sent_ids.claim(question.sender_id)
        if kind == b"same":
            assert question.known is not None
            key, known_visit = question.known
            opened, *changes = rest
            visit = decode_changes(known_visit, changes)
        else:
            opened, name, *fields = rest
            key, visit = parse_visit_name(name), decode_visit(fields)
        if not question.is_bot:
            self.local.visits.put(key, visit)
            if opened:
                self.local.register_device(question.key)
        return visit

    def join_when_decided(self, question: JoinVisit) -> OpenVisit | NotJoined:
        """Ask again while nobody knows whether the hit is stored that another process has got with the same id."""
        question.is_asked_again = True
        for _ in range(round(UNDECIDED_SECONDS / ASK_AGAIN_SECONDS)):
            self.pause()
            replies = self.execute([self.encode_join(question)])
            if replies is None:
                return self.local.join_visit(question)
            if replies[0][0] != b"undecided":
                return self.decode_join(question, replies[0])
        return "undecided"

    def pause(self) -> None:
        """Wait a moment before the same question is asked again."""
        call = find_suspendable_call()
        if call is None:
            time.sleep(ASK_AGAIN_SECONDS)
        else:
            self.batches.settlement.pause(call, ASK_AGAIN_SECONDS)

    def join_bot_visit(self, question: JoinVisit, was_seen: bool) -> OpenVisit | NotJoined:
        """Join a visit of a bot, which each process has alone."""
        visit = self.local.get_bot_visit(question, was_seen)
        if visit is None:
            return "unknown_visit"
        add_hit(visit, question)
        if question.sender_id:
            self.local.sent_ids.claim(question.sender_id)
        return replace(visit)

    def decode_claim(self, question: ClaimFirst, reply: int) -> bool | None:
        """Decode whether a key is the first; None if that is not decided, for a question that waits for it."""
        attempts = round(UNDECIDED_SECONDS / ASK_AGAIN_SECONDS) if question.waits else 0
        while reply == UNDECIDED and attempts:
            attempts -= 1
            self.pause()
            replies = self.execute([encode_claim(question)])
            if replies is None:
                return self.local.claim_first(question)
            reply = replies[0]
        if reply == UNDECIDED:
            return None if question.waits else False
        if reply:
            self.local.get_window(question.window).note(question.key, question.at)
        return bool(reply)

    # -- claims of processes that have ended ---------------------------------------------------------------------------

    def is_settled(self) -> bool:
        """Wait until Redis knows that everything this process has claimed so far is in the spool, or for a moment."""
        return self.batches.settlement.wait(TIMEOUT_SECONDS, self.redis.is_away)

    def note_ended(self, process: str, event_ids: Sequence[int], claims: Sequence[RestoreClaim]) -> None:
        """Note that a process has ended which left these events in its spool, with what they claim.

        What else it had claimed and not settled is free then.
        """
        stored = f"{STORED_PREFIX}{process}"
        add = [
            build_command("SADD", stored, *event_ids[first : first + NOTE_SIZE])
            for first in range(0, len(event_ids), NOTE_SIZE)
        ]
        restore = [encode_restored_claim(claim) for claim in claims]
        commands = [*add, build_command("EXPIRE", stored, 2 * KEPT_SECONDS), *restore]
        for first in range(0, len(commands), NOTE_SIZE):
            if self.execute(commands[first : first + NOTE_SIZE]) is None:
                return log.warning("Redis is away: what process %s had claimed stays undecided", process)
        if self.execute([build_command("SET", f"{ENDED_PREFIX}{process}", 1, "EX", ENDED_SECONDS)]) is None:
            log.warning("Redis is away: what process %s had claimed stays undecided", process)
        return None

    def encode_number(self, question: TakeNumber) -> Command:
        """Encode the question for a counter's next number."""
        return Command(
            "take_number", (f"footfall:clicks:{question.counter}",), (self.local.counters.get(question.counter),)
        )

    def decode_number(self, question: TakeNumber, reply: int) -> int:
        """Note a counter's number."""
        self.local.counters.seed(question.counter, reply)
        return reply
