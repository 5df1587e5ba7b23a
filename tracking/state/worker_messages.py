"""Messages between a collecting worker and the store's process (`manage.py serve --workers`), over a Unix socket.

A message is a tuple of plain values in Python's marshal format, after its length in four bytes. marshal is several
times as fast as JSON, has integers of any size, and runs no code when it is read; but it trusts its input. So the
socket is only open to the user who runs both processes, and both must be of the same release (`GREETING`).

A worker sends GREETING, then any number of (ASK, questions, number of its process, number of the batch, number of the
last batch of which everything is in its spool), each answered by (ANSWERS, answers) in the order in which they came,
and (EVENTS, JSON) for live streams. The store's process sends (SITES, ids of the sites with live streams) at
first and whenever they change. UNANSWERED stands for the answer to a question that failed.
"""

from __future__ import annotations

import marshal
import socket
import sys
from collections.abc import Iterator
from hashlib import sha1
from pathlib import Path
from types import EllipsisType
from typing import Final, Literal, TypeAlias

ASK: Final = 0
ANSWERS: Final = 1
EVENTS: Final = 2
SITES: Final = 3
UNANSWERED: EllipsisType = ...
LENGTH_BYTES = 4
MAX_BYTES = 1 << 28
EncodedQuestion: TypeAlias = tuple[object, ...]  # a question: its number, then its fields
Answers: TypeAlias = list[object]
Message: TypeAlias = (
    tuple[Literal[0], list[EncodedQuestion], str, int, int]
    | tuple[Literal[1], Answers]
    | tuple[Literal[2], bytes]
    | tuple[Literal[3], tuple[int, ...]]
    | tuple[str, str]  # GREETING
)


def compute_release() -> str:
    """Return a hash of the code that both processes must share, and of the Python release."""
    folder = Path(__file__).parent
    code = b"".join((folder / f"{name}.py").read_bytes() for name in ("worker_messages", "worker_codec"))
    return sha1(code + sys.version.encode(), usedforsecurity=False).hexdigest()


def open_private_socket(path: Path) -> socket.socket:
    """Return a bound Unix socket that only this user may connect to. Raises OSError."""
    path.unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(path))
    path.chmod(0o600)  # before it listens
    return sock


GREETING = ("Footfall", compute_release())


def pack(message: Message | dict[str, object] | str) -> bytes:
    """Pack a message. Raises ValueError for anything but plain values."""
    content = marshal.dumps(message)
    return len(content).to_bytes(LENGTH_BYTES, "big") + content


def unpack(content: bytes) -> object:
    """Return the message without its length. Raises ValueError, EOFError or TypeError for anything else."""
    message: object = marshal.loads(content)  # noqa: S302 - from a process of the same user
    return message


class MessageReader:
    """The bytes of a connection, cut into messages."""

    def __init__(self) -> None:
        self.received = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """Add received bytes and yield the messages that are complete. Raises ValueError if they are none."""
        received = self.received
        received += data
        begin = 0
        while len(received) - begin >= LENGTH_BYTES:
            length = int.from_bytes(received[begin : begin + LENGTH_BYTES], "big")
            if length > MAX_BYTES:
                raise ValueError(f"A message of {length} bytes")
            end = begin + LENGTH_BYTES + length
            if end > len(received):
                break
            message: Message = marshal.loads(bytes(received[begin + LENGTH_BYTES : end]))  # noqa: S302 - see `unpack`
            yield message
            begin = end
        del received[:begin]
