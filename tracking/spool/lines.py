"""An event as a line of JSON, and back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from tracking.hit import Event

OPTIONS = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z
LARGEST = 2**63 - 1


def line_of(event: Event) -> bytes:
    """One line. What JSON or the store cannot hold (half a surrogate pair, a giant number) is made harmless."""
    try:
        return orjson.dumps(event, default=_plain, option=OPTIONS)
    except orjson.JSONEncodeError:
        return orjson.dumps(_harmless(event), default=_plain, option=OPTIONS | orjson.OPT_NON_STR_KEYS)


def read_events(path: Path) -> Iterator[Event]:
    """The events of a segment, with aware times; lines that are torn or no JSON are passed over."""
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:  # inserted meanwhile
        return
    for line in lines:
        try:
            event = orjson.loads(line)
            for name in ("ts", "visit_start"):
                event[name] = datetime.fromisoformat(event[name]) if name in event else event["ts"]
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
        yield event


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in an event")


def _harmless(value: Any) -> Any:
    if isinstance(value, dict):
        return {_harmless(key): _harmless(inside) for key, inside in value.items()}
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int) and abs(value) > LARGEST:
        return 0
    return value
