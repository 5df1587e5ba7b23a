"""SELECT statements as objects that are written once they are complete, so that nobody cuts into the text of another.

    Select(["country AS d0", "count() AS a_views"], context.from_events("kind = 'view'"), group_by="d0")

Values from outside never stand in these texts; they are bound (`context.Params`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace


@dataclass(frozen=True)
class Rows:
    """What is selected from: a table or a table expression with its joins (SQL), of which all conditions hold.

    Empty conditions count as none.
    """

    table: str
    conditions: tuple[str, ...] = ()
    joins: str = ""

    def where(self, *conditions: str) -> Rows:
        """Return the rows of which these conditions hold as well."""
        return replace(self, conditions=(*self.conditions, *conditions))

    def join(self, *joins: str) -> Rows:
        """Return the rows with further joins."""
        return replace(self, joins="".join((self.joins, *joins)))

    def __str__(self) -> str:
        """Write FROM … WHERE …"""
        where = " AND ".join(filter(None, self.conditions))
        return f"FROM {self.table}{self.joins}{' WHERE ' if where else ''}{where}"


@dataclass(frozen=True)
class Select:
    """One SELECT. `expressions`: of its WITH. `limit_each`: at most so many rows of each value of a column."""

    columns: Sequence[str]
    rows: Rows
    group_by: str = ""
    _: KW_ONLY
    order_by: Sequence[str] = ()
    limit: int | None = None
    offset: int = 0
    having: str = ""
    limit_each: tuple[int, str] | None = None
    expressions: str = ""
    distinct: bool = False

    def __str__(self) -> str:
        parts = [
            f"WITH {self.expressions} " if self.expressions else "",
            "SELECT DISTINCT " if self.distinct else "SELECT ",
            f"{', '.join(self.columns)} {self.rows}",
            f" GROUP BY {self.group_by}" if self.group_by else "",
            f" HAVING {self.having}" if self.having else "",
            f" ORDER BY {', '.join(self.order_by)}" if self.order_by else "",
            f" LIMIT {self.limit_each[0]} BY {self.limit_each[1]}" if self.limit_each else "",
            f" LIMIT {self.limit} OFFSET {self.offset}" if self.limit is not None else "",
        ]
        return "".join(parts)

    def as_rows(self, name: str = "") -> Rows:
        """Return the rows of this statement, to select from; `name`: what its columns are named after."""
        return Rows(f"({self}) AS {name}" if name else f"({self})")


def unite(selects: Sequence[Select]) -> Rows:
    """Return the rows of several statements with the same columns."""
    return Rows(f"({' UNION ALL '.join(map(str, selects))})")
