"""Which tables answer: events and visits, or rollups of closed days, or both on top of each other.

Rollups answer sums of one site without a filter, for the days that are published and current; what is left of the
period (today, a dirty day) is answered from events, as one more part. Distinct counts are read from events, except
above a size, where an estimate is allowed and the day's states are read instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.conf import settings

from reports.engine import devices, rolled
from reports.engine.breakdown import Breakdown, Part
from reports.engine.compile import Compiler
from reports.engine.dimensions import Dimension
from reports.engine.freshness import Facts
from reports.engine.metrics import Atom
from reports.engine.period import Period
from reports.engine.query import Query
from reports.engine.rolled import Day
from reports.engine.scene import Scene
from reports.engine.zones import EPOCH
from sites import known

MOST_GAPS = 6
CHEAPER = 4  # times fewer rows than events, from which on rollups of a dimension are read instead
DAILY = {"day", "week", "month", "weekday"}


def rolled_above() -> int:
    """Rows in a period from which rollups are looked for; fewer are answered from events as fast."""
    return int(getattr(settings, "ROLLUPS_ABOVE_ROWS", 100_000))


def estimated_above() -> int:
    """Rows in a period from which distinct counts may be estimates."""
    return int(getattr(settings, "ESTIMATES_ABOVE_ROWS", 20_000_000))


@dataclass(frozen=True)
class Plan:
    """The parts of a statement, and which metrics they only estimate."""

    parts: list[Part]
    estimated: frozenset[str] = field(default_factory=frozenset)
    error: float = 0.0


@dataclass(frozen=True)
class Coverage:
    """The published days that a period may be answered from, and the stretches between them."""

    days: list[Day]
    gaps: list[Period]


@dataclass(frozen=True)
class Choice:
    """Which atoms are told by which tables: `sums` and `guessed` by rollups, `counted` by devices, others by events."""

    rest: tuple[Atom, ...]
    covered: Coverage | None = None
    sums: tuple[Atom, ...] = ()
    guessed: tuple[Atom, ...] = ()
    counted: tuple[Atom, ...] = ()


def plan(query: Query, scene: Scene, breakdown: Breakdown, facts: Facts) -> Plan:
    """The cheapest parts that answer exactly, or as exactly as the question asks."""
    return written(scene, breakdown, choice(query, scene, breakdown, facts))


def choice(query: Query, scene: Scene, breakdown: Breakdown, facts: Facts) -> Choice:
    """Which tables tell what at the least cost."""
    atoms = breakdown.atoms()
    covered = coverage(scene, breakdown, facts)
    if covered is None:
        return Choice(atoms)
    value = value_dimension(breakdown)
    guessed = tuple(atom for atom in atoms if may_estimate(query, scene, breakdown, facts, atom))
    counted = tuple(atom for atom in atoms if atom not in guessed and may_count(scene, breakdown, covered, facts, atom))
    if value is not None and value.rolled and all(atom.additive for atom in counted):
        counted = ()  # sums alone are told by far fewer rows
    sums = tuple(atom for atom in atoms if atom not in counted and rolled.rollable(atom, value))
    if value is not None:
        others = [atom for atom in atoms if atom not in (*sums, *guessed, *counted)]
        sums = worthwhile(sums, others, covered, value, facts)
    rest = tuple(atom for atom in atoms if atom not in (*sums, *guessed, *counted))
    return Choice(rest, covered, sums, guessed, counted)


def written(scene: Scene, breakdown: Breakdown, chosen: Choice) -> Plan:
    """The parts of a choice."""
    parts = Compiler(scene, breakdown).parts(chosen.rest)
    covered, guessed = chosen.covered, chosen.guessed
    if covered is None:
        return Plan(parts)
    if chosen.sums:
        parts.append(rolled_part(scene, breakdown, covered, chosen.sums))
        for gap in covered.gaps:
            parts += Compiler(scene.during(gap), breakdown).parts(chosen.sums)
    parts += [estimate(scene, breakdown, covered, atom) for atom in guessed]
    if chosen.counted:
        parts += counted_parts(scene, breakdown, covered, chosen.counted)
    names = {row.name for row in breakdown.metrics if any(f"{{{atom.name}}}" in row.formula for atom in guessed)}
    return Plan(parts, frozenset(names), rolled.ERROR if guessed else 0.0)


def worthwhile(
    sums: tuple[Atom, ...], rest: Sequence[Atom], covered: Coverage, value: Dimension, facts: Facts
) -> tuple[Atom, ...]:
    """Those of the sums that rollups of a dimension tell at less cost than the tables do.

    Where a part reads the events anyway, sums over them come with it. A dimension with so many values that its
    rollups are not much shorter than events or visits is not worth reading.
    """
    rows = rolled.rows_of(covered.days, value.name)
    if rows * CHEAPER > facts.rows:
        return ()
    if any(atom.scope == "events" for atom in rest):
        return tuple(atom for atom in sums if atom.scope != "events")
    return sums


# -- whether --------------------------------------------------------------------------------------------------------


def site_zone(site_id: int) -> str | None:
    """The zone in which a site's days are rolled up."""
    facts = known.site(site_id)
    return facts.timezone if facts else None


def value_dimension(breakdown: Breakdown) -> Dimension | None:
    """The one dimension that is not a time."""
    return next((row for row in breakdown.dimensions if row.family != "time"), None)


def coverage(scene: Scene, breakdown: Breakdown, facts: Facts) -> Coverage | None:
    """The days that can answer this breakdown; None where events have to."""
    values = [row for row in breakdown.dimensions if row.family != "time"]
    times = {row.name for row in breakdown.dimensions if row.family == "time"}
    if len(scene.sites) != 1 or scene.tree is not None or facts.rows < rolled_above() or len(values) > 1:
        return None
    zone = site_zone(scene.sites[0])
    if zone is None or "minute" in times or any(not row.rolled and row.name not in devices.SEEN for row in values):
        return None
    if (values and (zone != scene.period.zone or not times <= DAILY)) or not scene.clock.of_quarters():
        return None
    days = rolled.remembered(scene.sites[0], zone, scene.period, facts.version)
    gaps = stretches(scene.period, days)
    return Coverage(days, gaps) if days and len(gaps) <= MOST_GAPS else None


def stretches(period: Period, days: Sequence[Day]) -> list[Period]:
    """What of the period is in none of the days."""
    found: list[Period] = []
    here: datetime = period.start
    for day in days:
        if here < day.start:
            found.append(replace(period, start=here, end=day.start))
        here = day.end
    if here < period.end:
        found.append(replace(period, start=here))
    return found


def may_estimate(query: Query, scene: Scene, breakdown: Breakdown, facts: Facts, atom: Atom) -> bool:
    """Whether this distinct count is one of those the day's states can tell, and is large enough to."""
    if query.exact or scene.persons or atom.name != "visitors" or facts.rows < estimated_above():
        return False
    own_days = site_zone(scene.sites[0]) == scene.period.zone
    return own_days and all(row.name in DAILY for row in breakdown.dimensions)


def may_count(scene: Scene, breakdown: Breakdown, covered: Coverage, facts: Facts, atom: Atom) -> bool:
    """Whether the devices of closed days tell this distinct count, at less cost than events do."""
    times = {row.name for row in breakdown.dimensions if row.family == "time"}
    own_days = not times or (times <= DAILY and site_zone(scene.sites[0]) == scene.period.zone)
    if not own_days or not devices.told(atom, scene, breakdown):
        return False
    sizes = [day.sizes for day in covered.days]
    return all(day.whole for day in covered.days) and devices.shorter(sizes, scene, breakdown, facts.rows)


# -- parts ----------------------------------------------------------------------------------------------------------


def rolled_part(scene: Scene, breakdown: Breakdown, covered: Coverage, atoms: tuple[Atom, ...]) -> Part:
    """The atoms of the covered days from rollups."""
    value = value_dimension(breakdown)
    compiler = Compiler(scene, breakdown)
    if value is None:
        table, unix, where = "rollup_quarters", "toUnixTimestamp(slot)", ""
    else:
        table, unix = "rollup_days", ""
        where = f" AND dimension = '{value.name}'"
        where += compiler.only("value", value)
    keys = [
        ("value" if row is value else time_of_day(compiler, row, unix)) + f" AS d{index}"
        for index, row in enumerate(breakdown.dimensions)
    ]
    days = f" AND {rolled.between(covered.days)}"
    return Part(
        "rollups",
        f"SELECT {', '.join([*keys, rolled.sums(atoms)])} FROM {table} WHERE {scene.tenant()}{where}{days} "
        f"AND {rolled.current(covered.days)}{compiler.group_by()}",
        tuple(atom.name for atom in atoms),
    )


def time_of_day(compiler: Compiler, row: Dimension, unix: str) -> str:
    """SQL of a time's bucket, of a rollup's row: from its quarter's instant, or from its day's number."""
    if unix:
        return compiler.conditions.time_value(row.name, unix)
    return compiler.conditions.of_day(row.name, "toInt64(day)")


def counted_parts(scene: Scene, breakdown: Breakdown, covered: Coverage, atoms: tuple[Atom, ...]) -> list[Part]:
    """Distinct counts over the devices of the covered days and the events of the gaps."""
    if [row.name for row in breakdown.dimensions] != ["day"]:
        days = f"{rolled.between(covered.days)} AND {rolled.current(covered.days)}"
        return [devices.part(scene, breakdown, days, covered.gaps, atoms)]
    parts = [devices.daily({(day.day - EPOCH).days: day.sizes[devices.DAILY] for day in covered.days})]
    for gap in covered.gaps:
        parts += Compiler(scene.during(gap), breakdown).parts(atoms)
    return parts


def estimate(scene: Scene, breakdown: Breakdown, covered: Coverage, atom: Atom) -> Part:
    """The distinct count from the days' states, and states of the gaps made on the way."""
    compiler = Compiler(scene, breakdown)
    names = range(len(breakdown.dimensions))
    merge = rolled.STATE.replace("uniqCombined64", "uniqCombined64Merge")
    make = rolled.STATE.replace("uniqCombined64", "uniqCombined64State")
    keys = [f"{time_of_day(compiler, row, '')} AS d{i}" for i, row in enumerate(breakdown.dimensions)]
    days = rolled.between(covered.days)
    selects = [
        f"SELECT {', '.join([*keys, 'visitors AS state'])} FROM rollup_visitors "
        f"WHERE {scene.tenant()} AND {days} AND {rolled.current(covered.days)}"
    ]
    for gap in covered.gaps:
        there = Compiler(scene.during(gap), breakdown)
        values = [f"{there.value(row)} AS d{i}" for i, row in enumerate(breakdown.dimensions)]
        selects.append(
            f"SELECT {', '.join([*values, f'{make}(device) AS state'])} {scene.during(gap).events()}{there.group_by()}"
        )
    columns = ", ".join([*(f"d{i}" for i in names), f"toUInt64({merge}(state)) AS a_{atom.name}"])
    return Part("rollups", f"SELECT {columns} FROM ({' UNION ALL '.join(selects)}){compiler.group_by()}", (atom.name,))
