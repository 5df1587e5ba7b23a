"""Custom data of visits: which keys and values there are, for lists that cannot name the keys beforehand."""

from __future__ import annotations

from typing import Any

from reports.engine.conditions import Conditions
from reports.engine.lists import Row, asked, scene_of
from reports.engine.period import Period


def tags(site_id: int, period: Period, where: Any = None, limit: int = 100, offset: int = 0) -> list[Row]:
    """key, value and in how many visits of the period, most first.

    A person's name is the key "username", which a beacon may also have sent among the custom data: it counts once.
    """
    scene = scene_of((site_id,), period, where, None, None)
    condition = Conditions(scene).visits(scene.tree)
    sent = "if(person = '', tags, mapUpdate(CAST(tags, 'Map(String, String)'), map('username', person)))"
    told = f"CAST({sent}, 'Array(Tuple(String, String))')"
    sql = (
        f"SELECT tag.1 AS key, tag.2 AS value, count() AS visits FROM {scene.visits()} ARRAY JOIN {told} AS tag "
        f"WHERE tag.2 != '' {'AND ' + condition if condition else ''} "
        "GROUP BY key, value ORDER BY visits DESC, key, value"
    )
    return asked(scene, sql, limit, offset)
