"""Errors of the event store, each explained in one sentence."""

from __future__ import annotations

import re

UNREADABLE = "The statistics cannot be read right now. Try again in a minute."  # what pages and APIs say of an error


class StoreError(Exception):
    """The store could not carry out a statement; the text is a sentence for people.

    `codes`: ClickHouse's numbers of the error, by which the query engine explains those about limits of a query.
    """

    codes: frozenset[int] = frozenset()


class StoreAway(StoreError):
    """The store cannot be reached or opened now; trying again later may help."""


class BadRows(StoreError):
    """Rows that the store can never insert, however often one tries."""


FORKED_MESSAGE = (
    "The event store was opened before this process was forked and cannot be used here; "
    "start a fresh process, or set EVENTS_URL to a ClickHouse server."
)
BAD_ROWS_PATTERN = re.compile(
    r"CANNOT_PARSE|INCORRECT_DATA|CANNOT_READ_ALL_DATA|TYPE_MISMATCH|CANNOT_CONVERT_TYPE|DECIMAL_OVERFLOW"
    r"|ARGUMENT_OUT_OF_BOUND|VALUE_IS_OUT_OF_RANGE|TOO_DEEP|Code: (?:6|25|26|27|33|38|41|53|69|70|72|117|407|441)\."
)
CODE_PATTERN = re.compile(r"\bcode:? (\d+)", re.I)
# (pattern of ClickHouse's message, our sentence, whether waiting may help)
EXPLANATIONS: tuple[tuple[str, str, bool], ...] = (
    (r"already active in a separate process|Cannot lock file|CANNOT_OPEN_FILE.*status|different path|Code: 76\b",
     "The events at {where} are open in another process; stop it, or set EVENTS_URL to a ClickHouse server.", True),
    (r"Code: 60\b|UNKNOWN_TABLE|Code: 81\b|UNKNOWN_DATABASE",
     "The event store at {where} lacks a table; run `manage.py events migrate`. ({detail})", False),
    (r"Permission denied|Read-only file system|READONLY|Code: 1001\b.*filesystem",
     "The directory {where} cannot be written; the event store needs it.", True),
    (r"No space left|NOT_ENOUGH_SPACE|Code: 243\b",
     "There is no space left on the disk of the event store at {where}.", True),
    (r"MEMORY_LIMIT_EXCEEDED|Code: 241\b",
     "The query needs more memory than the event store may use; ask for a shorter period.", False),
    (r"TIMEOUT_EXCEEDED|Code: 159\b", "The event store took too long to answer; ask for a shorter period.", False),
    (r"TOO_MANY_ROWS|Code: 158\b", "The query reads more rows than it may; ask for a shorter period.", False),
    (r"AUTHENTICATION_FAILED|Code: 516\b|REQUIRED_PASSWORD|Code: 194\b",
     "The event store at {where} rejects the user name or password of EVENTS_URL.", True),
    (r"Connection refused|Max retries exceeded|NewConnectionError|timed out|Name or service not known|"
     r"ALL_CONNECTION_TRIES_FAILED|Code: 279\b|Connection (?:reset|aborted)|RemoteDisconnected|NETWORK_ERROR|"
     r"Code: 210\b|Code: 32\b|Code: 209\b|SOCKET_TIMEOUT|shutting down|HTTP driver received HTTP status 50[234]",
     "The event store at {where} does not answer.", True),
)  # fmt: skip


def explain_error(error: BaseException, where: str) -> StoreError:
    """Return a ClickHouse error as a StoreError with its codes."""
    message = f"{error} {error.__cause__ or ''}"
    explained = _explain_message(message, where)
    explained.codes = frozenset(map(int, CODE_PATTERN.findall(message)))
    return explained


def _explain_message(message: str, where: str) -> StoreError:
    """Return the error of a message; an unknown one keeps its first line."""
    for pattern, explanation, away in EXPLANATIONS:
        if re.search(pattern, message, re.S):
            return (StoreAway if away else StoreError)(
                explanation.format(where=where, detail=extract_first_line(message))
            )
    if BAD_ROWS_PATTERN.search(message):
        return BadRows(f"The event store cannot read a row: {extract_first_line(message)}")
    return StoreError(f"The event store says: {extract_first_line(message)}")


def extract_first_line(text: str) -> str:
    """Return ClickHouse's message without its stack, at most 300 characters."""
    line = text.strip().partition("\n")[0].partition(" Stack trace")[0]
    return line.removeprefix("Received ClickHouse exception, ").strip()[:300]
