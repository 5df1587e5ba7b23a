"""Parts on top of each other: added up, turned into metrics, put in order, cut into pages."""

from __future__ import annotations

from collections.abc import Iterable

from reports.engine.breakdown import ATOM, Breakdown, Part
from reports.engine.metrics import ATOMS


def statement(
    breakdown: Breakdown, parts: list[Part], order: list[str], limit: int, offset: int, keys: str = ""
) -> str:
    """The whole statement: parts on top of each other, added up, formulas, order and page; `keys` limits its rows."""
    names = breakdown.keys
    formulas = [f"{formula(each)} AS m{index}" for index, each in enumerate(breakdown.formulas())]
    something = " OR ".join(f"a_{atom.name} != 0" for atom in breakdown.atoms())
    where = " WHERE " + " AND ".join(filter(None, [f"({something})", keys])) if names else ""
    ordered = f" ORDER BY {', '.join(order)}" if order else ""
    page = f" LIMIT {limit} OFFSET {offset}" if names else ""
    return f"SELECT {', '.join([*names, *formulas])} FROM {stacked(breakdown, parts)}{where}{ordered}{page}"


def formula(text: str) -> str:
    """SQL of a metric over the atoms' columns."""
    return ATOM.sub(lambda found: "a_" + found[1], text)


def stacked(breakdown: Breakdown, parts: list[Part]) -> str:
    """A table expression: the atoms of all parts by the breakdown's keys."""
    if len(parts) == 1:
        return f"({parts[0].sql})"
    names, atoms = breakdown.keys, [atom.name for atom in breakdown.atoms()]
    rows = " UNION ALL ".join(stack(part, names, atoms) for part in parts)
    sums = ", ".join([*names, *(f"sum(a_{name}) AS a_{name}" for name in atoms)])
    return f"(SELECT {sums} FROM ({rows}){' GROUP BY ' + ', '.join(names) if names else ''})"


def stack(part: Part, keys: list[str], atoms: list[str]) -> str:
    if list(part.atoms) == atoms:
        return part.sql
    if set(part.atoms) == set(atoms):
        columns = [*keys, *(f"a_{name}" for name in atoms)]
    else:
        columns = [*keys, *(f"a_{name}" if name in part.atoms else f"{ATOMS[name].zero} AS a_{name}" for name in atoms)]
    return f"SELECT {', '.join(columns)} FROM ({part.sql})"


def order_by(breakdown: Breakdown, order: Iterable[tuple[str, str]]) -> list[str]:
    """ORDER BY of names; the dimensions' values break ties, so that pages never overlap."""
    names = {row.name: f"d{index}" for index, row in enumerate(breakdown.dimensions)}
    names.update({row.name: f"m{index}" for index, row in enumerate(breakdown.metrics)})
    found = {names[name]: f"{names[name]} {way.upper()} NULLS LAST" for name, way in order}
    for index in range(len(breakdown.dimensions)):
        found.setdefault(f"d{index}", f"d{index} ASC")
    return list(found.values())
