"""What can be watched. Rooms above register their conditions in `config.registrations`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sites.alerts.models import Alert


@dataclass(frozen=True)
class Firing:
    """A condition has come true. `key` names the occasion: the same key is told once."""

    key: str
    subject: str
    text: str
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Parameter:
    """One number or word of a condition, as its form field shows it. `check` raises ValueError with a sentence."""

    name: str
    label: str
    default: Any
    help: str = ""
    required: bool = True
    check: Callable[[str], object] | None = None


Watch = Callable[[Alert, datetime], Sequence[Firing]]


@dataclass(frozen=True)
class Condition:
    """A row of the registry. `watch` looks at the world and may keep what it saw in `alert.memory`; None = told
    by events only and never polled."""

    name: str
    label: str
    doc: str
    parameters: tuple[Parameter, ...] = ()
    watch: Watch | None = None


CONDITIONS: dict[str, Condition] = {}


def register(*conditions: Condition) -> None:
    """Make conditions known; called once at start from the switchboard."""
    CONDITIONS.update({condition.name: condition for condition in conditions})
