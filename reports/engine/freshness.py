"""What is known of a tenant's data without reading it: its version, when it changed, whether it knows persons.

`touched` counts, per site and quarter of an hour, the rows that arrived for it (an event counts for its own time and
for the start of its visit, whose numbers it changes); corrections count too. So two equal sums mean equal data.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reports.engine.scene import LONGEST_VISIT, Scene, instant, millis
from tracking import store


@dataclass(frozen=True)
class Facts:
    """`version`: equal as long as the data of the question is. `rows`: about how many rows its period has."""

    version: tuple[int, int, int] = (0, 0, 0)
    changed: datetime | None = None
    persons: bool = False
    rows: int = 0


def facts(scene: Scene) -> Facts:
    """The facts of a scene's tenant and period. The period before it counts too, since its visits reach into it."""
    start, end = millis(scene.period.start - LONGEST_VISIT), millis(scene.period.end)
    sql = (
        f"SELECT sum(rows), max(at), sumIf(events, slot >= {instant(millis(scene.period.start))}), "
        f"(SELECT count() FROM identities WHERE {scene.tenant()}) "
        f"FROM touched WHERE {scene.tenant()} AND slot >= {instant(start)} AND slot < {instant(end)}"
    )
    (total, changed, rows, known), *_ = store.query(sql).rows
    return Facts((int(total), millis(changed), int(known)), changed if total else None, known > 0, int(rows))
