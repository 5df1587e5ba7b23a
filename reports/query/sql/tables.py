"""The rows of the tables that hold collected data, always with the tenant in their conditions.

No other module of the engine names such a table, so no query can be written without saying whose rows it reads.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from reports.query.sql.select import Rows


@lru_cache(maxsize=2048)
def write_tenant_condition(sites: tuple[int, ...]) -> str:
    """Write the condition that a row belongs to one of the sites. Raises ValueError for no site."""
    numbers = sorted(set(map(int, sites)))
    if not numbers:
        raise ValueError("a query needs at least one site")
    if len(numbers) == 1:
        return f"site_id = {numbers[0]}"
    return f"site_id IN ({', '.join(map(str, numbers))})"


def rows_of_sites(table: str, sites: Iterable[int], *conditions: str, join: str = "") -> Rows:
    """Return these sites' rows of a table. `join`: SQL of joins, placed after the table's name."""
    return Rows(table, (write_tenant_condition(tuple(sites)), *conditions), join)


def rows_of_all_tenants(table: str, *conditions: str) -> Rows:
    """Return EVERYBODY'S rows: for the installation's own upkeep, never to answer a user or a program.

    A test lists the functions that may call it.
    """
    return Rows(table, conditions)
