"""Registry of the conditions that alerts can have. Higher apps register theirs in `config.wiring`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sites.alerts.models import Alert


@dataclass(frozen=True)
class AlertNotification:
    """The notification that a condition holds. A channel gets each `key` once."""

    key: str
    subject: str
    text: str
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ConditionParameter:
    """A parameter of a condition, and its form field. `check` raises ValueError with a sentence for an invalid text."""

    name: str
    label: str
    default: Any
    help: str = ""
    required: bool = True
    check: Callable[[str], object] | None = None


Evaluate = Callable[[Alert, datetime], Sequence[AlertNotification]]


@dataclass(frozen=True)
class AlertCondition:
    """A row of the registry.

    `evaluate` is polled; it returns the notifications that are due and may store state in `alert.memory`. A condition
    without it is never polled: its notifications are sent by events.
    """

    name: str
    label: str
    doc: str
    parameters: tuple[ConditionParameter, ...] = ()
    evaluate: Evaluate | None = None


CONDITIONS: dict[str, AlertCondition] = {}


def register_conditions(*conditions: AlertCondition) -> None:
    """Add conditions to the registry; called once at start."""
    CONDITIONS.update({condition.name: condition for condition in conditions})
