"""Tags of visits: which keys and values there are, for lists that cannot name the keys beforehand."""

from __future__ import annotations

from typing import Any

from reports.query.analyses.base import Row, build_context, fetch_page
from reports.query.periods import Period
from reports.query.sql.conditions import ConditionBuilder


def list_tags(site_id: int, period: Period, where: Any = None, limit: int = 100, offset: int = 0) -> list[Row]:
    """Return key, value and the number of visits in the period that have it, most frequent first.

    A person's name is the tag "username", which a site may also have sent among the tags: it counts once.
    """
    context = build_context((site_id,), period, where, None, None)
    condition = ConditionBuilder(context).for_visits(context.tree)
    with_username = "if(person = '', tags, mapUpdate(CAST(tags, 'Map(String, String)'), map('username', person)))"
    pairs = f"CAST({with_username}, 'Array(Tuple(String, String))')"
    sql = (
        "SELECT tag.1 AS key, tag.2 AS value, count() AS visits "
        f"FROM {context.visits_table()} ARRAY JOIN {pairs} AS tag "
        f"WHERE tag.2 != '' {'AND ' + condition if condition else ''} "
        "GROUP BY key, value ORDER BY visits DESC, key, value"
    )
    return fetch_page(context, sql, limit, offset)
