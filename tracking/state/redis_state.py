"""The state that several processes share in Redis.

A batch is one pipeline: one command a question, one round trip. When Redis is away, each process continues with its own
memory: a hit neither waits for Redis nor is lost. So what a process learns from Redis it also notes there.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import sha1
from typing import Any, NamedTuple

import orjson

from tracking.schema import Event
from tracking.state import first_seen, redis_scripts
from tracking.state.base import State
from tracking.state.deduplication import BRIEF_SECONDS, RETENTION_HOURS
from tracking.state.memory import MemoryState, add_hit
from tracking.state.questions import (
    ClaimFirst,
    GetSalt,
    GetValue,
    JoinVisit,
    KeepSenderId,
    NotJoined,
    PutValue,
    ReleaseSenderId,
    RestoreClaim,
    RestoreVisit,
    SenderId,
    TakeNumber,
)
from tracking.state.salts import RETENTION_DAYS
from tracking.state.visits import OpenVisit, VisitKey

TIMEOUT_SECONDS = 0.5  # of one round trip
RETRY_SECONDS = 5.0  # until Redis is used again after it did not answer
VISIT_SECONDS = 4 * 3600 + 600  # the longest idle time a site may choose, and ten minutes
CLAIM_SECONDS = 60  # of a sender's id while its event is being spooled; `KeepSenderId` then extends it to a day
VISIT_PREFIX, ID_PREFIX = "footfall:visit:", "footfall:visit-id:"
DEVICES_KEY = "footfall:devices"  # of the filters of known devices; the first filter's has no number
SALT_PREFIX = "footfall:salt:"
RESTORED_KEY = "footfall:open-visits-restored"  # missing after Redis lost its memory
Reply = Any  # what Redis answers to a command
Command = tuple[object, ...]
log = logging.getLogger(__name__)


class Script:
    """A function that Redis runs; once Redis has it, only its hash is sent."""

    def __init__(self, text: str) -> None:
        self.text, self.hash = text, sha1(text.encode(), usedforsecurity=False).hexdigest()

    def call(self, keys: Sequence[object], arguments: Sequence[object]) -> Command:
        """Return the command that calls it."""
        return ("EVALSHA", self.hash, len(keys), *keys, *arguments)


JOIN_VISIT, RESTORE_VISIT, CLAIM_FIRST, TAKE_NUMBER, GET_SALT = SCRIPTS = tuple(
    Script(text)
    for text in (
        redis_scripts.JOIN_VISIT, redis_scripts.RESTORE_VISIT, redis_scripts.CLAIM_FIRST, redis_scripts.TAKE_NUMBER,
        redis_scripts.GET_SALT,
    )
)  # fmt: skip


class RedisLink:
    """The connection to Redis. After Redis did not answer, it is not asked again for some seconds."""

    def __init__(self, url: str) -> None:
        import redis

        self.client: Any = redis.Redis.from_url(
            url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS, health_check_interval=30
        )
        self.missing_script = redis.exceptions.NoScriptError
        self.errors = (redis.RedisError, OSError)
        self.away_until = 0.0

    def execute(self, commands: Sequence[Command]) -> list[Reply] | None:
        """Return the replies to the commands, in one round trip; None while Redis is away."""
        if time.monotonic() < self.away_until:
            return None
        try:
            replies = self.send(commands)
            missing = [number for number, reply in enumerate(replies) if isinstance(reply, self.missing_script)]
            if missing:  # Redis is new, or has lost its memory
                self.send([("SCRIPT", "LOAD", script.text) for script in SCRIPTS])
                for number, reply in zip(missing, self.send([commands[number] for number in missing]), strict=True):
                    replies[number] = reply
            for reply in replies:
                if isinstance(reply, Exception):
                    raise reply
        except self.errors as error:
            self.away_until = time.monotonic() + RETRY_SECONDS
            log.warning("Redis is away, this process continues with its own memory: %s", error)
            return None
        return replies

    def send(self, commands: Sequence[Command]) -> list[Reply]:
        """Send the commands and return their replies, an error as an exception in its place."""
        if len(commands) == 1:  # a pipeline of one would take half as long again
            try:
                return [self.client.execute_command(*commands[0])]
            except self.missing_script as error:
                return [error]
        pipeline = self.client.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        return list(pipeline.execute(raise_on_error=False))


class Codec(NamedTuple):
    """How a question becomes a command, and the reply its answer."""

    encode: Callable[[Any], Command]
    decode: Callable[[Any, Reply], object]


class RedisState(State):
    """The state of all processes with this Redis."""

    def __init__(self, url: str, local: MemoryState) -> None:
        super().__init__()
        self.local = local
        self.redis = RedisLink(url)
        self.codecs: dict[type, Codec] = {
            JoinVisit: Codec(self.encode_join, self.decode_join),
            KeepSenderId: Codec(encode_keep, decode_nothing),
            ReleaseSenderId: Codec(lambda question: ("DEL", name_sender_id(question.sender_id)), decode_nothing),
            GetSalt: Codec(encode_salt, lambda question, reply: bytes.fromhex(reply.decode())),
            ClaimFirst: Codec(encode_claim, self.decode_claim),
            RestoreClaim: Codec(encode_restored_claim, lambda question, reply: self.local.ask(question)),
            RestoreVisit: Codec(encode_restored_visit, lambda question, reply: self.local.ask(question)),
            TakeNumber: Codec(self.encode_number, self.decode_number),
            GetValue: Codec(encode_get, lambda question, reply: orjson.loads(reply) if reply else None),
            PutValue: Codec(encode_put, lambda question, reply: self.local.ask(question)),
        }

    def resolve(self, batch: Sequence[Any]) -> list[Reply]:
        """Ask Redis in one round trip, or this process's own memory while Redis is away."""
        codecs = [self.codecs[type(question)] for question in batch]
        replies = self.redis.execute([codec.encode(question) for codec, question in zip(codecs, batch, strict=True)])
        if replies is None:
            return self.local.resolve(batch)
        return [codec.decode(question, reply) for codec, question, reply in zip(codecs, batch, replies, strict=True)]

    def begin_restore(self) -> bool:
        """Return whether this is the first process since Redis lost its memory, or Redis is away."""
        replies = self.redis.execute([("SET", RESTORED_KEY, 1, "NX")])
        return replies is None or bool(replies[0])

    def encode_join(self, question: JoinVisit, is_lost: bool = True) -> Command:
        """Encode a visit's question, with the visit to open: the one this process has open if Redis has lost it."""
        site_id, sender_id = question.key[0], question.sender_id
        other = question.yesterday or question.before_consent
        reported = question.reported.get
        kind, visit = self.propose_visit(question, is_lost)
        keys = (
            name_visit(question.key), name_visit(other) if other else "",
            f"{ID_PREFIX}{site_id}:{question.session}" if question.session else "",
            name_sender_id(sender_id) if sender_id else "", DEVICES_KEY,
        )  # fmt: skip
        claim_seconds = BRIEF_SECONDS if sender_id and sender_id.is_brief else CLAIM_SECONDS
        now = sender_id.now if sender_id else 0.0
        return JOIN_VISIT.call(keys, (
            question.at, question.idle, question.session, int(question.before_consent is not None),
            int(question.is_bot), question.view_id, reported("screen", ""), reported("language", ""),
            repr(now), repr(now + claim_seconds), claim_seconds, kind, *encode_visit(visit),
            f"{ID_PREFIX}{site_id}:", VISIT_SECONDS, *encode_device(question.key),
        ))  # fmt: skip

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
        if kind == b"stale":  # another process has begun a later visit
            replies = self.redis.execute([self.encode_join(question, is_lost=False)])
            return self.decode_join(question, replies[0]) if replies else self.local.join_visit(question)
        if kind == b"none":
            return self.join_bot_visit(question, bool(rest[0]))
        if question.sender_id:
            self.local.sent_ids.claim(question.sender_id)
        opened, name, *fields = rest
        visit = decode_visit(fields)
        if not question.is_bot:
            self.local.visits.put(parse_visit_name(name), visit)
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
        return TAKE_NUMBER.call((f"footfall:clicks:{question.counter}",), (self.local.counters.get(question.counter),))

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


def encode_visit(visit: OpenVisit) -> Command:
    """Return the fields of a visit's hash."""
    reported = visit.reported.get
    return (
        visit.id, visit.device, visit.start, visit.last, visit.view_id, visit.is_new, orjson.dumps(visit.origin),
        reported("screen", ""), reported("language", ""),
    )  # fmt: skip


def decode_visit(fields: list[Reply]) -> OpenVisit:
    """Return the visit of a hash."""
    *numbers, origin, screen, language = fields
    number, device, start, last, view_id, is_new = map(int, numbers)
    reported: Event = {}
    if screen:
        reported["screen"] = screen.decode()
    if language:
        reported["language"] = language.decode()
    columns: Event = orjson.loads(origin)
    return OpenVisit(number, device, start, last, view_id=view_id, is_new=is_new, origin=columns, reported=reported)


def encode_device(key: VisitKey) -> tuple[int, ...]:
    """Return what the filters of known devices need to know of a visit's device."""
    return (
        first_seen.CAPACITY, first_seen.MAX_FILTERS, first_seen.compute_max_set_bits(),
        *first_seen.hash_bits(key[0], key[1]),
    )  # fmt: skip


def encode_restored_visit(question: RestoreVisit) -> Command:
    """Encode a visit to restore."""
    return RESTORE_VISIT.call(
        (name_visit(question.key), DEVICES_KEY),
        (
            *encode_visit(question.visit), f"{ID_PREFIX}{question.key[0]}:", VISIT_SECONDS,
            *encode_device(question.key),
        ),
    )  # fmt: skip


def encode_keep(question: KeepSenderId) -> Command:
    """Encode an id to keep for a day."""
    seconds = RETENTION_HOURS * 3600
    return ("SET", name_sender_id(question.sender_id), repr(question.sender_id.now + seconds), "EX", seconds)


def encode_salt(question: GetSalt) -> Command:
    """Encode the question for a salt, with the one to store if there is none. Redis destroys it after its time."""
    return GET_SALT.call((f"{SALT_PREFIX}{question.day}",), (secrets.token_hex(16), RETENTION_DAYS * 86_400))


def encode_claim(question: ClaimFirst) -> Command:
    """Encode the question whether a key is the first within its window."""
    window = question.window
    keys = [f"footfall:{window.name}:{name}" for name in (question.key, *question.older)]
    return CLAIM_FIRST.call(keys, (repr(question.at), window.seconds, window.seconds))


def encode_restored_claim(question: RestoreClaim) -> Command:
    """Encode a key to restore."""
    seconds = max(1, round(question.at + question.window.seconds - question.now))
    return ("SET", f"footfall:{question.window.name}:{question.key}", repr(question.at), "NX", "EX", seconds)


def encode_get(question: GetValue) -> Command:
    """Encode the question for a value."""
    return ("GET", f"footfall:value:{question.key}")


def encode_put(question: PutValue) -> Command:
    """Encode a value to keep."""
    return ("SET", f"footfall:value:{question.key}", orjson.dumps(question.value), "EX", question.seconds)
