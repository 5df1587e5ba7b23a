"""FROM … WHERE of the tables that hold what was recorded, with the tenant in it.

No other module of the engine names such a table, so no question can be written without saying whose rows it reads.
"""

from __future__ import annotations

from collections.abc import Iterable


def tenant(sites: Iterable[int]) -> str:
    """SQL: the row is of one of the sites. Raises ValueError for no site."""
    numbers = sorted({int(site) for site in sites})
    if not numbers:
        raise ValueError("a question needs at least one site")
    if len(numbers) == 1:
        return f"site_id = {numbers[0]}"
    return f"site_id IN ({', '.join(map(str, numbers))})"


def rows_of_sites(table: str, sites: Iterable[int], *conditions: str, joined: str = "") -> str:
    """FROM … WHERE of these sites' rows. `joined`: SQL of joins, put after the table's name."""
    return f"FROM {table}{joined} WHERE {' AND '.join([tenant(sites), *filter(None, conditions)])}"


def rows_of_all_tenants(table: str, *conditions: str) -> str:
    """FROM … WHERE of EVERYBODY'S rows: for the installation's own upkeep, never for an answer to a user or a program.

    The house test lists who may call it.
    """
    return f"FROM {table} WHERE {' AND '.join(conditions)}"
