"""What is known of a tenant's data without reading it: its version, when it changed, whether it knows persons."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reports.engine.scene import Scene


@dataclass(frozen=True)
class Facts:
    version: tuple[int, ...] = ()
    changed: datetime | None = None
    persons: bool = False


def facts(scene: Scene) -> Facts:
    return Facts()
