"""The connection to Redis: a batch of commands is one call of one script, and so one round trip."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from hashlib import sha1
from typing import Any, NamedTuple

import orjson

from tracking import spool
from tracking.state.redis_scripts import BATCH

TIMEOUT_SECONDS = 0.5  # of one round trip
MIN_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 0.1, 5.0  # until Redis is asked again after it did not answer
LOG_SECONDS = 60.0
# The codes of errors of Redis as a whole, with which any other command would fail, too
SERVER_ERRORS = frozenset({
    "BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "MISCONF", "MOVED", "NOAUTH", "NOPERM", "NOREPLICAS", "OOM",
    "READONLY",
})  # fmt: skip
BATCH_HASH = sha1(BATCH.encode(), usedforsecurity=False).hexdigest()
Reply = Any  # what Redis answers to a command; errors are exceptions
log = logging.getLogger(__name__)


class Command(NamedTuple):
    """A function of `redis_scripts` with its keys and its arguments, which are texts and numbers."""

    function: str
    keys: Sequence[object]
    arguments: Sequence[object]


def build_command(*words: object) -> Command:
    """Build one of Redis' own commands."""
    return Command("command", (), words)


def encode_commands(commands: Sequence[Command]) -> bytes:
    """Return commands as JSON, separated by commas. Raises TypeError for values that JSON does not have."""
    return b",".join([orjson.dumps((function, keys, arguments)) for function, keys, arguments in commands])


def check_replies(replies: list[Reply]) -> list[Reply]:
    """Return the replies. Raises the first error among them that concerns Redis as a whole."""
    for reply in replies:
        if isinstance(reply, Exception) and get_error_code(reply) in SERVER_ERRORS:
            raise reply
    return replies


def get_error_code(error: Exception) -> str:
    """Return the first word of an error of Redis; the library cuts it off those that it knows."""
    code: str | None = getattr(error, "status_code", None)
    return code or str(error).partition(" ")[0]


class RedisPause:
    """Until when Redis is not asked, since it did not answer: each further failure doubles the pause.

    One late answer must not make a process go alone for long, and a Redis that is away must not delay hits often.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.until = 0.0
        self.seconds = 0.0  # of the last pause; 0 once Redis has answered

    def is_active(self) -> bool:
        """Return whether Redis did not answer a moment ago, and is not to be asked yet."""
        return self.clock() < self.until

    def note_failure(self) -> None:
        """Begin a pause. During one nothing changes: what fails then was asked before it began."""
        now = self.clock()
        if now >= self.until:
            self.seconds = min(MAX_PAUSE_SECONDS, self.seconds * 2) or MIN_PAUSE_SECONDS
            self.until = now + self.seconds

    def note_answer(self) -> None:
        """Note that Redis answered: the next pause is a short one again."""
        self.seconds = 0.0


class RedisLink:
    """The connection of threads that may wait. After Redis did not answer, it is not asked again for a while."""

    def __init__(self, url: str) -> None:
        import redis

        self.url = url
        self.client: Any = redis.Redis.from_url(
            url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS, health_check_interval=30
        )
        self.missing_script = redis.exceptions.NoScriptError
        self.errors: tuple[type[Exception], ...] = (redis.RedisError, OSError)
        self.pause = RedisPause()
        self.logged_until = self.error_logged_until = 0.0

    def is_away(self) -> bool:
        """Return whether Redis did not answer a moment ago, and is not to be asked yet."""
        return self.pause.is_active()

    def note_failure(self, error: object) -> None:
        """Note that Redis did not answer; one line a minute is logged."""
        self.pause.note_failure()
        now = time.monotonic()
        if now >= self.logged_until:
            self.logged_until = now + LOG_SECONDS
            log.warning("Redis is away, this process continues with its own memory: %s", error)

    def drop_failed(self, replies: list[Reply]) -> list[Reply] | None:
        """Return the replies to one call; None if one of them is an error, of which one line a minute is logged."""
        error = next((reply for reply in replies if isinstance(reply, Exception)), None)
        if error is None:
            return replies
        now = time.monotonic()
        if now >= self.error_logged_until:
            self.error_logged_until = now + LOG_SECONDS
            log.error("Redis could not execute a command, this process's own memory answers: %s", error)
        return None

    def execute(self, commands: Sequence[Command]) -> list[Reply] | None:
        """Return the replies to the commands, in one round trip; None while Redis is away, or if a command failed."""
        if self.is_away():
            return None
        batch = b"[" + encode_commands(commands) + b"]"
        try:
            try:
                replies = self.client.execute_command("EVALSHA", BATCH_HASH, 0, batch, spool.get_process_number())
            except self.missing_script:  # Redis is new, or has lost its memory
                replies = self.client.execute_command("EVAL", BATCH, 0, batch, spool.get_process_number())
            checked = check_replies(replies)
        except self.errors as error:
            self.note_failure(error)
            return None
        self.pause.note_answer()
        return self.drop_failed(checked)
