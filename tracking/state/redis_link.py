"""The connection to Redis: a batch of commands is one call of one script, and so one round trip."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from hashlib import sha1
from typing import Any, NamedTuple

from tracking.state.redis_scripts import BATCH

TIMEOUT_SECONDS = 0.5  # of one round trip
RETRY_SECONDS = 5.0  # until Redis is used again after it did not answer
LOG_SECONDS = 60.0
BATCH_HASH = sha1(BATCH.encode(), usedforsecurity=False).hexdigest()
Reply = Any  # what Redis answers to a command
log = logging.getLogger(__name__)


class Command(NamedTuple):
    """A function of `redis_scripts` with its keys and arguments."""

    function: str
    keys: Sequence[object]
    arguments: Sequence[object]


def build_command(*words: object) -> Command:
    """Build one of Redis' own commands."""
    return Command("command", (), words)


def flatten(commands: Iterable[Command]) -> list[object]:
    """Return the arguments of the script BATCH."""
    words: list[object] = []
    for function, keys, arguments in commands:
        words += (function, len(keys), len(arguments), *keys, *arguments)
    return words


def check_replies(replies: list[Reply]) -> list[Reply]:
    """Return the replies. Raises the first error among them."""
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    return replies


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
        self.away_until = self.logged_until = 0.0

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

    def execute(self, commands: Sequence[Command]) -> list[Reply] | None:
        """Return the replies to the commands, in one round trip; None while Redis is away."""
        if self.is_away():
            return None
        words = flatten(commands)
        try:
            try:
                return check_replies(self.client.execute_command("EVALSHA", BATCH_HASH, 0, *words))
            except self.missing_script:  # Redis is new, or has lost its memory
                return check_replies(self.client.execute_command("EVAL", BATCH, 0, *words))
        except self.errors as error:
            self.note_failure(error)
            return None
