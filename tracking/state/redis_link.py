"""The connection to Redis: a batch of commands is one call of one script, and so one round trip."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from hashlib import sha1
from typing import Any, NamedTuple

import orjson

from tracking.state.redis_scripts import BATCH

TIMEOUT_SECONDS = 0.5  # of one round trip
RETRY_SECONDS = 5.0  # until Redis is used again after it did not answer
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


class RedisLink:
    """The connection of threads that may wait. After Redis did not answer, it is not asked again for some seconds."""

    def __init__(self, url: str) -> None:
        import redis

        self.url = url
        self.client: Any = redis.Redis.from_url(
            url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS, health_check_interval=30
        )
        self.missing_script = redis.exceptions.NoScriptError
        self.errors: tuple[type[Exception], ...] = (redis.RedisError, OSError)
        self.away_until = self.logged_until = self.error_logged_until = 0.0

    def is_away(self) -> bool:
        """Return whether Redis did not answer in the last seconds."""
        return time.monotonic() < self.away_until

    def note_failure(self, error: object) -> None:
        """Note that Redis did not answer; one line a minute is logged."""
        now = time.monotonic()
        self.away_until = now + RETRY_SECONDS
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
                replies = self.client.execute_command("EVALSHA", BATCH_HASH, 0, batch)
            except self.missing_script:  # Redis is new, or has lost its memory
                replies = self.client.execute_command("EVAL", BATCH, 0, batch)
            return self.drop_failed(check_replies(replies))
        except self.errors as error:
            self.note_failure(error)
            return None
