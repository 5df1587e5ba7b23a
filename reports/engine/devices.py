"""The devices of closed days: each once per day, with what its visits tell, and with what it saw and did.

rollup_devices  one site, day and device: source, place, browser …
rollup_seen     one site, day, device and value of a page or event, and how many times

Distinct visitors do not add up, but they may be counted over these rows instead of events: fewer rows, the same number.
What of a period is in no closed day is taken from events, in the same count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from reports.engine.breakdown import Apart, Breakdown, Part, called
from reports.engine.compile import Compiler
from reports.engine.dimensions import DIMENSIONS, Dimension
from reports.engine.metrics import METRICS, Atom
from reports.engine.period import Period
from reports.engine.scene import Scene

HELD: dict[str, str] = {  # dimension -> column of rollup_devices
    name: DIMENSIONS[name].event
    for name in (
        "source", "channel", "referrer_domain", "utm_source", "utm_medium", "utm_campaign", "country", "region",
        "city", "language", "device", "browser", "os", "screen",
    )
}  # fmt: skip
SEEN = {"page": "views", "event": "events"}  # dimension of rollup_seen -> the atom its `times` add up to
DAILY = "visitors"  # what the ledger calls the number of a day's devices
SIZES = ("devices", *(f"{name} seen" for name in SEEN), DAILY)  # and the numbers of rows
CHEAPER = 1.25  # times fewer rows than events, from which on they are read instead


def value_of(breakdown: Breakdown) -> Dimension | None:
    return next((row for row in breakdown.dimensions if row.family != "time"), None)


def told(atom: Atom, scene: Scene, breakdown: Breakdown) -> bool:
    """Whether these rows can tell the atom at all."""
    values = [row.name for row in breakdown.dimensions if row.family != "time"]
    if scene.persons or len(values) > 1 or any(name not in HELD and name not in SEEN for name in values):
        return False
    return atom.name == "visitors" or any(SEEN.get(name) == atom.name for name in values)


def shorter(sizes: Sequence[Mapping[str, int]], scene: Scene, breakdown: Breakdown, rows: int) -> bool:
    """Whether reading the days (by their sizes) costs less than reading so many events."""
    value = value_of(breakdown)
    seen = value is not None and value.name in SEEN
    if value is not None and seen and value.name in scene.only:
        return True  # the rows of a few values are found without reading the others
    name = f"{value.name} seen" if value is not None and seen else "devices"
    around = 2 if seen else 1  # the days of a value lie among the other days of their months
    return sum(each.get(name, 0) for each in sizes) * CHEAPER * around <= rows


# -- reading --------------------------------------------------------------------------------------------------------


def part(scene: Scene, breakdown: Breakdown, days: str, gaps: Sequence[Period], atoms: Sequence[Atom]) -> Part:
    """The atoms of the days (a condition of SQL) and of the events between them, devices counted once."""
    times = any(atom.additive for atom in atoms)
    selects = [of_days(scene, breakdown, days, times)]
    selects += [of_events(scene.during(gap), breakdown, times) for gap in gaps]
    counts = [f"{'sum(times)' if atom.additive else 'uniqExact(device)'} AS a_{atom.name}" for atom in atoms]
    columns = breakdown.columns(names(breakdown), counts)
    sql = f"SELECT {columns} FROM ({' UNION ALL '.join(selects)}){breakdown.group_by}"
    return Part("rollups+events" if gaps else "rollups", sql, tuple(atom.name for atom in atoms))


def names(breakdown: Breakdown) -> list[str]:
    """What the dimensions' values are called in rows that are not counted yet."""
    return breakdown.names if isinstance(breakdown, Apart) else breakdown.keys


def uncounted(breakdown: Breakdown, values: Iterable[str], columns: list[str]) -> str:
    return ", ".join([*map(called, values, names(breakdown)), *columns])


def daily(days: Mapping[int, int]) -> Part:
    """The distinct visitors of each closed day (its number since 1970), which the ledger knows."""
    known = ", ".join(f"({day}, {count})" for day, count in days.items())
    told = f"SELECT arrayJoin([{known}]) AS told"
    return Part("rollups", f"SELECT toInt64(told.1) AS d0, toUInt64(told.2) AS a_visitors FROM ({told})", ("visitors",))


def of_days(scene: Scene, breakdown: Breakdown, days: str, times: bool) -> str:
    """SELECT of the keys and devices of closed days."""
    compiler, value = Compiler(scene, breakdown), None if isinstance(breakdown, Apart) else value_of(breakdown)
    values = [
        compiler.conditions.of_day(row.name, "toInt64(day)") if row.family == "time" else column(row)
        for row in breakdown.dimensions
    ]
    conditions = [scene.tenant(), days]
    if value is not None:
        seen = f"dimension = '{value.name}'" if value.name in SEEN else ""
        present = f"{column(value)} != ''" if value.skip_empty and not seen else ""
        conditions += [seen, present, compiler.only(column(value), value).removeprefix(" AND ")]
    table = "rollup_seen" if value is not None and value.name in SEEN else "rollup_devices"
    told = uncounted(breakdown, values, ["device", "toUInt64(times) AS times"] if times else ["device"])
    return f"SELECT {told} FROM {table} WHERE {' AND '.join(filter(None, conditions))}"


def column(row: Dimension) -> str:
    return HELD.get(row.name, "value")


def of_events(scene: Scene, breakdown: Breakdown, times: bool) -> str:
    """SELECT of the keys and devices of events."""
    compiler = Compiler(scene, breakdown)
    columns = ["device", "toUInt64(1) AS times"] if times else ["device"]
    told = uncounted(breakdown, map(compiler.value, breakdown.dimensions), columns)
    return f"SELECT {told} {scene.events(*compiler.present(breakdown.dimensions), compiler.seen())}"


# -- building -------------------------------------------------------------------------------------------------------


def statements(scene: Scene, build: int) -> list[str]:
    """INSERT of the devices of the scene's days."""
    day = f"toDate({scene.clock.day('toUnixTimestamp(ts)')})"
    columns = ", ".join(HELD.values())
    found = [
        f"INSERT INTO rollup_devices (site_id, day, build, device, {columns}) "
        f"SELECT DISTINCT {scene.sites[0]}, {day} AS day, {build}, device, {columns} {scene.events()}"
    ]
    for name in SEEN:
        row = DIMENSIONS[name]
        compiler = Compiler(scene, Breakdown((METRICS["visitors"],), (row,)))
        where = [*compiler.present((row,)), compiler.seen()]
        found.append(
            "INSERT INTO rollup_seen (site_id, dimension, value, day, build, device, times) "
            f"SELECT {scene.sites[0]}, '{name}', {compiler.value(row)} AS value, {day} AS day, {build}, device, "
            f"count() {scene.events(*where)} GROUP BY value, day, device"
        )
    return found


def counted(where: str) -> str:
    """SELECT of day, name and number of rows, for the ledger's sizes."""
    return (
        f"SELECT day, told.1, told.2 FROM (SELECT day, arrayJoin([('{SIZES[0]}', count()), ('{DAILY}', "
        f"uniqExact(device))]) AS told FROM rollup_devices WHERE {where} GROUP BY day) UNION ALL "
        f"SELECT day, dimension || ' seen' AS dimension, count() FROM rollup_seen WHERE {where} GROUP BY day, dimension"
    )
