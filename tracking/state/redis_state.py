"""The state that several processes share in Redis.

A batch of questions is one round trip. A call that may be suspended shares it with all others of its event loop
(`redis_batches.py`); any other code waits for its own. When Redis is away, each process continues with its own memory:
a hit neither waits for Redis nor is lost. So what a process learns from Redis it also notes there.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import orjson

from tracking.schema import Event
from tracking.state import first_seen
from tracking.state.base import R, State
from tracking.state.deduplication import BRIEF_SECONDS, RETENTION_HOURS
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
    SenderId,
    TakeNumber,
)
from tracking.state.redis_batches import RedisBatches
from tracking.state.redis_link import Command, RedisLink, Reply, build_command
from tracking.state.salts import RETENTION_DAYS
from tracking.state.suspension import find_suspendable_call, run_suspendable
from tracking.state.visits import VISITOR_COLUMNS, OpenVisit, VisitKey

VISIT_SECONDS = 4 * 3600 + 600  # the longest idle time a site may choose, and ten minutes
CLAIM_SECONDS = 60  # of a sender's id while its event is being spooled; `KeepSenderId` then extends it to a day
VISIT_PREFIX, ID_PREFIX = "footfall:open-visit:", "footfall:open-visit-id:"
DEVICES_KEY = "footfall:devices"  # of the filters of known devices; the first filter's has no number
SALT_PREFIX = "footfall:salt:"
RESTORED_KEY = "footfall:open-visits-known"  # missing after Redis lost its memory


class Codec(NamedTuple):
    """How a question becomes a command, and the reply its answer."""

    encode: Callable[[Any], Command]
    decode: Callable[[Any, Reply], object]


class RedisState(State):
    """The state of all processes with this Redis."""

    suspends = True

    def __init__(self, url: str, local: MemoryState) -> None:
        super().__init__()
        self.local = local
        self.redis = RedisLink(url)
        self.batches = RedisBatches(self.redis)
        self.codecs: dict[type, Codec] = {
            JoinVisit: Codec(self.encode_join, self.decode_join),
            KeepSenderId: Codec(encode_keep, decode_nothing),
            ReleaseSenderId: Codec(encode_release, decode_nothing),
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
        if kind in (b"lost", b"stale"):  # by Redis, or because another process has begun a later visit
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

    def join_bot_visit(self, question: JoinVisit, was_seen: bool) -> OpenVisit | NotJoined:
        """Join a visit of a bot, which each process has alone."""
        visit = self.local.get_bot_visit(question, was_seen)
        if visit is None:
            return "unknown_visit"
        add_hit(visit, question)
        if question.sender_id:
            self.local.sent_ids.claim(question.sender_id)
        return replace(visit)

    def decode_claim(self, question: ClaimFirst, reply: int) -> bool:
        """Decode whether a key is the first."""
        if reply:
            self.local.get_window(question.window).note(question.key, question.at)
        return bool(reply)

    def encode_number(self, question: TakeNumber) -> Command:
        """Encode the question for a counter's next number."""
        return Command(
            "take_number", (f"footfall:clicks:{question.counter}",), (self.local.counters.get(question.counter),)
        )

    def decode_number(self, question: TakeNumber, reply: int) -> int:
        """Note a counter's number."""
        self.local.counters.seed(question.counter, reply)
        return reply


BLANK_VISIT = OpenVisit(0, 0, 0, 0)


def decode_nothing(question: object, reply: object) -> None:
    """Return None for a question without an answer."""


def name_visit(key: VisitKey) -> str:
    """Return the name of a visit's hash."""
    return f"{VISIT_PREFIX}{key[0]}:{key[1]}:{key[2]}"


def parse_visit_name(name: bytes) -> VisitKey:
    """Parse the name of a visit's hash."""
    site_id, device, backdated = name.decode().removeprefix(VISIT_PREFIX).split(":")
    return int(site_id), int(device), int(backdated)


def name_sender_id(sender_id: SenderId) -> str:
    """Return the key of a sender's id; it holds the time until which the id is claimed."""
    return f"footfall:seen:{sender_id.key}"


def encode_join(question: JoinVisit, kind: str, proposed: tuple[object, ...] = ()) -> Command:
    """Encode a visit's question with the visit that it may open, as JOIN_VISIT has them."""
    site_id, sender_id, keyed_visit = question.key[0], question.sender_id, question.known
    other = question.yesterday or question.before_consent
    reported = question.reported.get
    name = name_visit(question.key)
    keys = (
        name, name_visit(other) if other else "",
        f"{ID_PREFIX}{site_id}:{question.session}" if question.session else "",
        name_sender_id(sender_id) if sender_id else "", DEVICES_KEY,
        "" if keyed_visit is None else name if keyed_visit[0] == question.key else name_visit(keyed_visit[0]),
    )  # fmt: skip
    claim_seconds = BRIEF_SECONDS if sender_id and sender_id.is_brief else CLAIM_SECONDS
    claimed_until = sender_id.now + claim_seconds if sender_id else 0.0
    return Command("join_visit", keys, (
        question.at, question.idle, question.session, int(question.before_consent is not None),
        int(question.is_bot), question.view_id, reported("screen", ""), reported("language", ""),
        claimed_until, claim_seconds, f"{ID_PREFIX}{site_id}:", VISIT_SECONDS, kind,
        0 if keyed_visit is None else keyed_visit[1].id, *proposed,
    ))  # fmt: skip


def encode_visit(visit: OpenVisit) -> tuple[object, ...]:
    """Return the fields of a visit; its key by id is not written yet."""
    reported = visit.reported.get
    return (
        visit.id, visit.device, visit.start, visit.last, visit.view_id, visit.is_new,
        reported("screen", ""), reported("language", ""), 0, orjson.dumps(visit.origin).decode(),
    )  # fmt: skip


def decode_visit(fields: list[Reply]) -> OpenVisit:
    """Return the visit of these fields."""
    number, device, start, last, view_id, is_new, screen, language, _, origin = fields
    columns: Event = orjson.loads(origin)
    return OpenVisit(
        number, device, start, last,
        view_id=view_id, is_new=is_new, origin=columns, reported=decode_reported(screen, language),
    )  # fmt: skip


def decode_changes(visit: OpenVisit, fields: list[Reply]) -> OpenVisit:
    """Return a visit that this process knows, with what may have changed."""
    last, view_id, is_new, screen, language = fields
    return OpenVisit(
        visit.id, visit.device, visit.start, last, view_id=view_id, is_new=is_new, origin=visit.origin,
        reported=visit.reported if len(visit.reported) == len(VISITOR_COLUMNS) else decode_reported(screen, language),
    )  # fmt: skip


def decode_reported(screen: bytes, language: bytes) -> Event:
    """Return the columns that the visitor has reported."""
    reported: Event = {}
    if screen:
        reported["screen"] = screen.decode()
    if language:
        reported["language"] = language.decode()
    return reported


def encode_device(key: VisitKey) -> tuple[int, ...]:
    """Return what the filters of known devices need to know of a visit's device."""
    return (
        first_seen.CAPACITY, first_seen.MAX_FILTERS, first_seen.compute_max_set_bits(),
        *first_seen.hash_bits(key[0], key[1]),
    )  # fmt: skip


def encode_restored_visit(question: RestoreVisit) -> Command:
    """Encode a visit to restore."""
    return Command("restore_visit",
        (name_visit(question.key), DEVICES_KEY),
        (
            *encode_visit(question.visit), f"{ID_PREFIX}{question.key[0]}:", VISIT_SECONDS,
            *encode_device(question.key),
        ),
    )  # fmt: skip


def encode_keep(question: KeepSenderId) -> Command:
    """Encode an id to keep for a day."""
    seconds = RETENTION_HOURS * 3600
    return build_command(
        "SET", name_sender_id(question.sender_id), repr(question.sender_id.now + seconds), "EX", seconds
    )


def encode_release(question: ReleaseSenderId) -> Command:
    """Encode an id to release."""
    return build_command("DEL", name_sender_id(question.sender_id))


def encode_salt(question: GetSalt) -> Command:
    """Encode the question for a salt, with the one to store if there is none. Redis destroys it after its time."""
    return Command("get_salt", (f"{SALT_PREFIX}{question.day}",), (secrets.token_hex(16), RETENTION_DAYS * 86_400))


def encode_claim(question: ClaimFirst) -> Command:
    """Encode the question whether a key is the first within its window."""
    window = question.window
    keys = [f"footfall:{window.name}:{name}" for name in (question.key, *question.older)]
    return Command("claim_first", keys, (question.at, window.seconds, window.seconds))


def encode_restored_claim(question: RestoreClaim) -> Command:
    """Encode a key to restore."""
    seconds = max(1, round(question.at + question.window.seconds - question.now))
    return build_command(
        "SET", f"footfall:{question.window.name}:{question.key}", repr(question.at), "NX", "EX", seconds
    )


def encode_count(question: CountRequest) -> Command:
    """Encode a request to count."""
    return Command("count_request", (f"footfall:requests:{question.key}",), (question.seconds,))


def encode_get(question: GetValue) -> Command:
    """Encode the question for a value."""
    return build_command("GET", f"footfall:value:{question.key}")


def encode_put(question: PutValue) -> Command:
    """Encode a value to keep."""
    return build_command(
        "SET", f"footfall:value:{question.key}", orjson.dumps(question.value).decode(), "EX", question.seconds
    )
