"""Rollups: sums of closed days, written by the compiler that answers from events, so they mean the same.

rollup_days      one site, day (in its zone), dimension and value: additive atoms
rollup_quarters  one site and UTC quarter of an hour: additive atoms, from which every zone of whole quarters is told
rollup_visitors  one site and day: a distinct state of its visitors, for estimates
rollup_devices, rollup_seen   devices of a day, for exact distinct counts (see `devices`)
rollup_ledger    one row per site and day: which build counts, in which zone, how many rows had arrived then, and how
                 many rows each dimension has

A build writes rows under a number of its own and is published by its ledger row, in one insert: readers see the old
numbers or the new ones. A day whose rows have become more since is dirty; it is answered from events until rebuilt.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from reports.engine import devices
from reports.engine.assemble import stack
from reports.engine.breakdown import Breakdown
from reports.engine.compile import Compiler
from reports.engine.dimensions import DIMENSIONS, Dimension
from reports.engine.freshness import SETTLED
from reports.engine.metrics import ATOMS, Atom
from reports.engine.period import DAY, Period, day_start, zone_of
from reports.engine.scene import Scene, instant, millis
from reports.engine.tables import rows_of_all_tenants, rows_of_sites
from reports.engine.zones import EPOCH, QUARTER, Clock
from tracking import store
from tracking.store.changes import gate
from tracking.store.migrate import nodes
from tracking.store.target import target

ROLLED: tuple[Atom, ...] = tuple(atom for atom in ATOMS.values() if atom.rolled)
COLUMNS = tuple(atom.rolled for atom in ROLLED)
BY_VALUE: tuple[Dimension, ...] = tuple(row for row in DIMENSIONS.values() if row.rolled and row.family != "time")
STATE = "uniqCombined64(14)"
ERROR = 0.0163  # twice the standard error of 2**14 cells: 19 of 20 estimates are nearer


@dataclass(frozen=True)
class Quarter(Breakdown):
    """A breakdown whose atoms are given, not derived from metrics."""

    given: tuple[Atom, ...] = ()

    def atoms(self) -> tuple[Atom, ...]:
        return self.given


def rollable(atom: Atom, row: Dimension | None) -> bool:
    """Whether rollups of that dimension hold the atom: those of entry pages hold only what visits know."""
    known = row is None or row.rolled
    return (
        known
        and bool(atom.rolled)
        and (row is None or row.family != "entry" or atom.scope == "visits" or bool(atom.visits))
    )


@dataclass(frozen=True)
class Day:
    """A published day of a site: its instants and the build that counts."""

    day: date
    start: datetime
    end: datetime
    build: int
    sizes: Mapping[str, int] = field(default_factory=dict, compare=False)  # dimension -> rows

    @property
    def whole(self) -> bool:
        """Whether it was built since all of these tables are there."""
        return all(name in self.sizes for name in devices.SIZES)


_days: dict[tuple[Any, ...], tuple[float, list[Day]]] = {}
REMEMBERED = 60.0  # seconds; superseded builds stay for an hour, so an old answer is still a whole one
MOST_REMEMBERED = 2_000


def remembered(site_id: int, zone: str, period: Period, version: tuple[int, ...]) -> list[Day]:
    """What `published` said of the same data a short while ago, or says now."""
    key = (site_id, zone, period.start, period.end, version)
    known = _days.get(key)
    if known and time.monotonic() - known[0] < REMEMBERED:
        return known[1]
    if len(_days) > MOST_REMEMBERED:
        _days.clear()
    days = published(site_id, zone, period)
    _days[key] = (time.monotonic(), days)
    return days


def published(site_id: int, zone: str, period: Period) -> list[Day]:
    """The days of `zone` wholly inside the period whose rollups are current, in order."""
    first, last = period.first_day - DAY, period.last_day + DAY
    entries = store.query(
        "SELECT day, argMax(build, build), argMax(zone, build), argMax(touched, build), argMax(sizes, build) "
        "FROM rollup_ledger "
        f"WHERE site_id = {site_id} AND day >= '{first}' AND day <= '{last}' GROUP BY day"
    ).rows
    builds = {day: (build, touched, sizes) for day, build, known, touched, sizes in entries if known == zone}
    if not builds:
        return []
    now = arrived(site_id, zone, min(builds), max(builds))
    info = zone_of(zone)
    days = [
        Day(day, day_start(day, info), day_start(day + DAY, info), build, sizes)
        for day, (build, touched, sizes) in sorted(builds.items())
        if now.get(day, 0) == touched
    ]
    return [day for day in days if period.start <= day.start < day.end <= period.end]


def arrived(site_id: int, zone: str, first: date, last: date, *, settled: bool = False) -> dict[date, int]:
    """How many rows have arrived for each day, by the ledger of arrivals.

    With `settled`, days that another process may be inserting into at this moment are left out.
    """
    period = Period.days(first, last + DAY, zone)
    start, end = instant(millis(period.start)), instant(millis(period.end))
    day = Clock(period).day("toUnixTimestamp(slot)")
    late = f" HAVING max(at) < now64(3) - {SETTLED.seconds}" if settled and not target().embedded else ""
    found = store.query(
        f"SELECT toInt64({day}) AS day, sum(rows) "
        f"{rows_of_sites('touched', [site_id], f'slot >= {start}', f'slot < {end}')} GROUP BY day{late}"
    )
    return {EPOCH + timedelta(days=number): int(rows) for number, rows in found.rows}


def sites_with_events() -> list[tuple[int, datetime, int]]:
    """Every site with events: its number, when the first was, and how many there are."""
    found = store.query(
        f"SELECT site_id, min(slot), sum(events) {rows_of_all_tenants('touched', 'site_id != 0')} "
        "GROUP BY site_id ORDER BY site_id"
    )
    return [(int(site), first.replace(tzinfo=first.tzinfo or UTC), int(events)) for site, first, events in found.rows]


def ever_built(site_id: int) -> set[date]:
    """The days of a site that were published, in whatever zone."""
    return {row[0] for row in store.query(f"SELECT DISTINCT day FROM rollup_ledger WHERE site_id = {site_id}").rows}


def current(days: Sequence[Day]) -> str:
    """SQL: a row between the first and the last day is of the build that counts. Days in a row are mostly of one."""
    cases: list[str] = []
    for each, after in zip(days, [*days[1:], None], strict=True):
        if after is None or after.build != each.build or after.day != each.day + DAY:
            cases.append(f"day <= '{each.day}', {each.build}")
        if after is not None and after.day != each.day + DAY:
            cases.append(f"day < '{after.day}', 0")
    return f"build = multiIf({', '.join(cases)}, 0)" if len(cases) > 1 else f"build = {days[0].build}"


def between(days: Sequence[Day]) -> str:
    """SQL: from the first of the days to the last."""
    return f"day >= '{days[0].day}' AND day <= '{days[-1].day}'"


def rows_of(days: Sequence[Day], dimension: str) -> int:
    """How many rows of rollups answer for a dimension."""
    return sum(each.sizes.get(dimension, 0) for each in days)


def sums(atoms: Iterable[Atom]) -> str:
    return ", ".join(f"sum({atom.rolled}) AS a_{atom.name}" for atom in atoms)


def build_days(site_id: int, zone: str, first: date, last: date, build: int, now: datetime) -> None:
    """Write and publish the rollups of the days from `first` to `last` of one site. Running it twice does no harm."""
    period = Period.days(first, last + DAY, zone)
    if not Clock(period).of_quarters():
        return
    with gate.still():  # what a half-done insert has not filled yet must not pass for counted
        counted = arrived(site_id, zone, first, last, settled=True)
    scene = Scene((site_id,), period, now)
    inserts = [quarters(scene, build), by_value(scene, build), states(scene, build), *devices.statements(scene, build)]
    for statement in inserts:
        store.execute(statement, scene.params.values, settings={"prefer_column_name_to_alias": 1})
    publish(site_id, zone, Clock(period).days(), counted, build, sizes_of(site_id, build, first, last), now)


def sizes_of(site_id: int, build: int, first: date, last: date) -> dict[date, dict[str, int]]:
    """How many rows of a build each day and dimension has, and how many devices."""
    found: dict[date, dict[str, int]] = {}
    where = f"site_id = {site_id} AND day >= '{first}' AND day <= '{last}' AND build = {build}"
    for day, dimension, rows in store.query(
        f"SELECT day, dimension, count() FROM rollup_days WHERE {where} GROUP BY day, dimension UNION ALL "
        + devices.counted(where)
    ).rows:
        found.setdefault(day, {})[dimension] = int(rows)
    return found


def publish(
    site_id: int, zone: str, days: list[date], counted: dict[date, int], build: int,
    sizes: Mapping[date, Mapping[str, int]], now: datetime,
) -> None:  # fmt: skip
    """Let these days count, all at once."""
    at = now.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    rows = [
        {"site_id": site_id, "day": str(day), "zone": zone, "build": build, "touched": counted.get(day, 0),
         "built_at": at, "sizes": {**dict.fromkeys(devices.SIZES, 0), **sizes.get(day, {})}}
        for day in days
    ]  # fmt: skip
    store.insert_rows("rollup_ledger", rows)
    _days.clear()


def parts(scene: Scene, dimensions: tuple[Dimension, ...], atoms: tuple[Atom, ...]) -> str:
    """The compiler's parts of these atoms on top of each other."""
    breakdown = Quarter((), dimensions, atoms)
    names = [atom.name for atom in atoms]
    keys = [f"d{index}" for index in range(len(dimensions))]
    return " UNION ALL ".join(stack(part, keys, names) for part in Compiler(scene, breakdown).parts(atoms))


def day_of(number: str) -> str:
    return f"toDate({number})"


def quarters(scene: Scene, build: int) -> str:
    """INSERT of the sums per quarter of an hour, told by the instants at which quarters begin."""
    values = ", ".join(f"a_{atom.name}" for atom in ROLLED)
    inside = parts(scene, (DIMENSIONS["day"], QUARTERS), ROLLED)
    return (
        f"INSERT INTO rollup_quarters (site_id, day, slot, build, {', '.join(COLUMNS)}) "
        f"SELECT {scene.sites[0]}, {day_of('d0')}, toDateTime(d1, 'UTC'), {build}, {values} FROM ({inside})"
    )


def by_value(scene: Scene, build: int) -> str:
    """INSERT of the sums per day, dimension and value: all dimensions in one pass over events and one over visits."""
    compiler = Compiler(scene, Breakdown((), ()))
    selects = [
        told_by(compiler, [row for row in BY_VALUE if row.side != "entry"], scene.events(), "ts", "events"),
        told_by(compiler, list(BY_VALUE), f"FROM {scene.visits()} AS visited", "visit_start", "visits"),
    ]
    values = ", ".join(f"a_{atom.name}" for atom in ROLLED)
    return (
        f"INSERT INTO rollup_days (site_id, dimension, day, value, build, {', '.join(COLUMNS)}) "
        f"SELECT {scene.sites[0]}, told.1, {day_of('d0')}, told.2, {build}, {values} "
        f"FROM ({' UNION ALL '.join(selects)})"
    )


def told_by(compiler: Compiler, rows: list[Dimension], source: str, moment: str, scope: str) -> str:
    """SELECT of the atoms of one table: every row of it tells all its dimensions at once, as (name, value)."""
    value = compiler.conditions.event_value if scope == "events" else compiler.conditions.visit_value
    pairs = ", ".join(f"('{row.name}', toString({value(row)}))" for row in rows)
    shown_empty = ", ".join(f"'{row.name}'" for row in rows if not row.skip_empty)
    told = f"arrayJoin(arrayFilter(pair -> pair.2 != '' OR pair.1 IN ({shown_empty}), [{pairs}])) AS told"
    day = compiler.scene.clock.day(f"toUnixTimestamp({moment})")
    atoms = ", ".join(told_atom(compiler, atom, scope) for atom in ROLLED)
    return f"SELECT toInt64({day}) AS d0, {told}, {atoms} {source} GROUP BY d0, told"


def told_atom(compiler: Compiler, atom: Atom, scope: str) -> str:
    """An atom of its own table; of the other, zero, or what visits say of their entry and exit pages."""
    if atom.scope == scope:
        return compiler.aggregate(atom, "")
    if scope == "visits" and atom.visits:
        entries = ", ".join(f"'{row.name}'" for row in BY_VALUE if row.side == "entry")
        column = atom.visits.removeprefix("sum(").removesuffix(")")
        return f"toUInt64(sumIf({column}, told.1 IN ({entries}))) AS a_{atom.name}"
    return f"{atom.zero} AS a_{atom.name}"


def states(scene: Scene, build: int) -> str:
    """INSERT of a distinct state of the devices per day."""
    day = day_of(scene.clock.day("toUnixTimestamp(ts)"))
    state = STATE.replace("uniqCombined64", "uniqCombined64State")
    return (
        "INSERT INTO rollup_visitors (site_id, day, build, visitors) "
        f"SELECT {scene.sites[0]}, {day} AS day, {build}, {state}(device) {scene.events()} GROUP BY day"
    )


QUARTERS = Dimension("quarter", "Quarter of an hour", "time", rolled=True, doc=f"{QUARTER} seconds of UTC.")


def sweep(before: datetime) -> None:
    """Delete rows of builds that no longer count and were superseded before `before`."""
    limit = millis(before) * 1000
    keep = "SELECT site_id, day, max(build) FROM rollup_ledger GROUP BY site_id, day"
    local = "_local" if target().cluster else ""
    for table in ("rollup_days", "rollup_quarters", "rollup_visitors", "rollup_devices", "rollup_seen"):
        condition = f"build < {limit} AND (site_id, day, build) NOT IN ({keep})"
        for host in nodes():
            store.execute(f"ALTER TABLE {table}{local} DELETE WHERE {condition}", host=host)
