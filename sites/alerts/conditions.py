"""Registry of the conditions that alerts can have. Higher apps register theirs in `config.registrations`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sites.alerts.models import Alert


@dataclass(frozen=True)
class Firing:
    """The notification that a condition holds. A channel gets each `key` once."""

    key: str
    subject: str
    text: str
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Parameter:
    """A parameter of a condition, and its form field. `check` raises ValueError with a sentence for an invalid text."""

    name: str
    label: str
    default: Any
    help: str = ""
    required: bool = True
    check: Callable[[str], object] | None = None


Evaluate = Callable[[Alert, datetime], Sequence[Firing]]


@dataclass(frozen=True)
class Condition:
    """A row of the registry.

    `evaluate` is polled; it returns the notifications that are due and may store state in `alert.memory`. A condition
    without it is never polled: its notifications are sent by events.
    """

    name: str
    label: str
    doc: str
    parameters: tuple[Parameter, ...] = ()
    evaluate: Evaluate | None = None


CONDITIONS: dict[str, Condition] = {}


def register(*conditions: Condition) -> None:
    """Add conditions to the registry; called once at start."""
    CONDITIONS.update({condition.name: condition for condition in conditions})
