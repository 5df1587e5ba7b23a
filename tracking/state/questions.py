"""The questions that a hit asks, each with the type of its answer.

A question only holds values: the implementations of `State` compute its answer. Those of one batch are answered in
their order, so that a later one sees what an earlier one changed. Times are Unix seconds, except in visits, whose
times are Unix milliseconds. Those of nearly every hit are not frozen, which would make them four times as slow to make.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import date
from typing import Any, Generic, Literal, TypeVar

from tracking.schema import Event
from tracking.state.visits import OpenVisit, VisitKey

A_co = TypeVar("A_co", covariant=True)


class Question(Generic[A_co]):
    """A question whose answer has the type A_co."""

    __slots__ = ()


@dataclass(slots=True)
class SenderId:
    """The id that a sender gave its event, as a hash; a brief one is only kept for minutes."""

    key: int
    is_brief: bool
    now: float


Value = Mapping[str, object]  # plain JSON
StateKey = int | str  # an integer is the faster one to make and to look up
NotJoined = Literal["duplicate", "undecided", "unknown_visit"]  # the reason of the rejection


@dataclass(slots=True)
class JoinVisit(Question[OpenVisit | NotJoined]):
    """Which visit does this hit belong to, and was it sent before? A hit sent before changes nothing.

    The visit is looked up by the number the client sent, by its device, and by the other key under which the device may
    have begun it. Where none is open, `open_visit(question)` begins one, or returns None for hits that never do; the
    state says whether its device is new.

    Nearly every hit asks it. So the rarer fields are set where the hit has them, and `open_visit` is a function with
    what it needs in `basis`: a closure would cost more than the answer.
    """

    key: VisitKey
    at: int
    idle: int
    reported: Event  # `screen` and `language` are read; the first ones of a visit stay
    _: KW_ONLY
    open_visit: Callable[[JoinVisit], OpenVisit | None]
    basis: Any = None
    session: int = 0  # the visit's id, if the client sent it
    yesterday: VisitKey | None = None  # the device's key before midnight; the visit stays under it
    before_consent: VisitKey | None = None  # its key without a cookie; only of a device that is new under its cookie
    view_id: int = 0  # the view that this hit begins
    sender_id: SenderId | None = None
    is_bot: bool = False  # reads people's visits without changing them, and has visits of its own
    known: tuple[VisitKey, OpenVisit] | None = None  # set by a shared state: the visit its process has, or would open
    is_asked_again: bool = False  # set by a shared state that did not know whether the hit is stored


@dataclass(slots=True, frozen=True)
class KeepSenderId(Question[None]):
    """Keep the id of a stored event for a day."""

    sender_id: SenderId


@dataclass(slots=True, frozen=True)
class ReleaseSenderId(Question[None]):
    """Release the id of an event that could not be stored, so that the sender may try again."""

    sender_id: SenderId


@dataclass(slots=True, frozen=True)
class GetSalt(Question[bytes]):
    """The salt of a UTC day, created by the first question of the day."""

    day: date


@dataclass(slots=True, frozen=True)
class Window:
    """A declared window: a key is the first of its kind if it did not occur within `seconds`."""

    name: str
    seconds: int
    max_keys: int = 1_000_000  # in the memory of one process; the oldest go first


@dataclass(slots=True)
class ClaimFirst(Question[bool | None]):
    """Is `key` the first within its window? It is then noted. `older` are further names of the same thing.

    A process that was killed may have noted a key without storing what it stands for. A question that `waits` is then
    answered when that is known, by None if it takes too long; any other one by False.
    """

    window: Window
    key: StateKey
    at: float
    older: tuple[StateKey, ...] = ()
    _: KW_ONLY
    waits: bool = False


@dataclass(slots=True, frozen=True)
class RestoreClaim(Question[None]):
    """Note a key of a stored event (at the start), the oldest first; existing ones stay."""

    window: Window
    key: StateKey
    at: float
    now: float


@dataclass(slots=True, frozen=True)
class RestoreVisit(Question[None]):
    """Note an open visit from the event store or the spool (at the start), and its device."""

    key: VisitKey
    visit: OpenVisit


@dataclass(slots=True)
class TakeNumber(Question[int]):
    """The next number of a counter, from 1; everybody gets another one."""

    counter: int


@dataclass(slots=True)
class GetValue(Question[Value | None]):
    """The value under a key; None without one."""

    key: StateKey


@dataclass(slots=True)
class PutValue(Question[None]):
    """Keep a value of plain JSON for at least `seconds`, while there is space."""

    key: StateKey
    value: Value
    seconds: int


@dataclass(slots=True)
class CountRequest(Question[int]):
    """Count one more request under a key, which is forgotten `seconds` after its first; the new number.

    Hits ask it. All other requests are counted in Django's cache, which asks it in the workers of `serve --workers`.
    """

    key: str
    seconds: int
    now: float


CLAIMING: frozenset[type] = frozenset({JoinVisit, ClaimFirst})  # the questions whose answer may give something to one


def claims_nothing(batch: Sequence[Question[object]]) -> bool:
    """Return whether none of these questions claims anything."""
    return CLAIMING.isdisjoint(map(type, batch))
