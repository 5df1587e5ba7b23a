"""One statement for several questions that differ in their one dimension, where the same tables answer them.

Reading a table and planning a statement cost as much for one dimension as for ten. The statement counts by each
dimension apart (`Apart`); what each question is told is decoded as if it had been asked alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reports.engine import decode, devices, plan, top
from reports.engine.assemble import formula, stacked
from reports.engine.breakdown import Apart, Breakdown
from reports.engine.compile import Compiler
from reports.engine.dimensions import Dimension
from reports.engine.freshness import Facts
from reports.engine.metrics import Atom, Metric
from reports.engine.plan import Choice, Plan
from reports.engine.query import Query
from reports.engine.scene import Params, Scene

MOST_ROWS = 1_000  # of one question
MOST_SHARING = 10
VALUE = "value"  # what the order calls the dimension, whichever it is
Row = dict[str, Any]


@dataclass(frozen=True)
class Question:
    """A question with what was looked up for it, and which tables tell what it asks."""

    query: Query
    scene: Scene
    facts: Facts
    breakdown: Breakdown
    chosen: Choice

    @property
    def dimension(self) -> Dimension | None:
        return next(iter(self.breakdown.dimensions), None)

    @property
    def order(self) -> tuple[tuple[str, str], ...]:
        return tuple(
            (VALUE if name in self.query.dimensions else name, way) for name, way in self.query.effective_order()
        )


def groups(asked: Sequence[tuple[Query, Scene, Facts]]) -> Iterator[tuple[list[int], list[Question]]]:
    """Those that can be asked together, at least two at a time, by their places."""
    found: dict[Any, dict[int, Question]] = {}
    without: dict[Any, dict[int, Question]] = {}
    for place, (query, scene, facts) in enumerate(asked):
        if (question := considered(query, scene, facts)) and (kind := kind_of(question)):
            key = alike(question, kind)
            if question.dimension is None:
                without.setdefault(key, {})[place] = question
            else:
                found.setdefault((key, question.order), {})[place] = question
    for (key, _), members in found.items():
        chosen = fitting(members)
        chosen.update(fitting(without.pop(key, {})))
        if len(chosen) > 1:
            yield list(chosen), list(chosen.values())


def fitting(members: dict[int, Question]) -> dict[int, Question]:
    """As many as one statement may be about. Two questions about a dimension have to agree on which rows it has."""
    atoms: dict[Dimension | None, set[Atom]] = {}
    chosen: dict[int, Question] = {}
    for place, one in members.items():
        told = set(one.breakdown.atoms())
        if atoms.setdefault(one.dimension, told) == told and len(atoms) <= MOST_SHARING:
            chosen[place] = one
    return chosen


def considered(query: Query, scene: Scene, facts: Facts) -> Question | None:
    """The question and its choice of tables, if it is of a form that may be shared."""
    if len(query.dimensions) > 1 or query.offset + query.limit > MOST_ROWS or top.applies(query, scene, facts):
        return None
    if query.values or any(row.money for row in query.metric_rows()):
        return None
    breakdown = Breakdown(query.metric_rows(), query.dimension_rows())
    if any(not apart(row) for row in breakdown.dimensions):
        return None
    return Question(query, scene, facts, breakdown, plan.choice(query, scene, breakdown, facts))


def apart(row: Dimension) -> bool:
    """Whether every row has the dimension. The others are few, and found sooner without reading the rest."""
    return row.family in ("visit", "event") and not row.skip_empty and not row.kinds


def kind_of(question: Question) -> str:
    """Which tables answer: one kind alone, or "" where it takes several, or one that is not shared."""
    chosen, row = question.chosen, question.dimension
    if chosen.guessed or chosen.sums:
        return ""
    told = ["counted"] if chosen.counted else []
    compiler = Compiler(question.scene.of_visits(), question.breakdown)
    told += dict.fromkeys(compiler.scope(atom) for atom in chosen.rest)
    kind = told[0] if len(told) == 1 else ""
    held = row is None or row.name in devices.HELD
    allowed = {"counted": held, "events": True, "visits": row is None or row.side != "event"}
    return kind if allowed.get(kind) else ""


def alike(question: Question, kind: str) -> tuple[Any, ...]:
    """What has to be the same for two questions to be one statement, their order aside."""
    scene, breakdown = question.scene, question.breakdown
    forms = (breakdown.by_page, breakdown.by_event)
    if all(row.form(*forms) == row.form(False, False) for row in breakdown.metrics):
        forms = (False, False)
    seen = Compiler(scene.of_visits(), breakdown).seen() if kind == "events" else ""
    world = (
        scene.sites,
        scene.period,
        scene.now,
        repr((scene.tree, scene.tree_of_visits)),
        repr(scene.goals),
        scene.chosen_goals,
    )
    covered = repr(question.chosen.covered)
    return (kind, world, scene.persons, question.facts.version, covered, forms, seen)


# -- the statement ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shared:
    """The plan and the statement of several questions."""

    questions: Sequence[Question]
    breakdown: Apart
    made: Plan
    sql: str
    params: Params

    def answers(self, rows: Sequence[tuple[Any, ...]]) -> list[list[Row]]:
        """The rows of each question."""
        told: list[list[tuple[Any, ...]]] = [[] for _ in range(len(self.breakdown.dimensions) + 1)]
        for row in rows:
            told[int(row[0])].append(row)
        places = places_of(self.questions)
        return [self.answer(one, told[place]) for one, place in zip(self.questions, places, strict=True)]

    def answer(self, question: Question, rows: Sequence[tuple[Any, ...]]) -> list[Row]:
        names = [row.name for row in self.breakdown.metrics]
        columns = [2 + names.index(row.name) for row in question.breakdown.metrics]
        if question.dimension is not None:
            columns, query = [1, *columns], question.query
            rows = rows[query.offset : query.offset + query.limit]
        chosen = [tuple(row[column] for column in columns) for row in rows]
        found = decode.decoded(question.breakdown, question.scene, chosen)
        return found if found or question.dimension is not None else [decode.nothing(question.breakdown)]


def shared(questions: Sequence[Question]) -> Shared:
    """One statement for them all."""
    first = questions[0]
    metrics: dict[Metric, None] = {row: None for one in questions for row in one.breakdown.metrics}
    forms = alike(first, kind_of(first))[-2]
    breakdown = Apart(
        tuple(metrics),
        tuple(dict.fromkeys(one.dimension for one in questions if one.dimension is not None)),
        whole=any(one.dimension is None for one in questions),
        page=forms[0],
        event=forms[1],
    )
    scene = replace(first.scene, params=Params())
    made = plan.written(scene, breakdown, together([one.chosen for one in questions]))
    most = max(one.query.offset + one.query.limit for one in questions)
    formulas = [f"{formula(each)} AS m{index}" for index, each in enumerate(breakdown.formulas())]
    sql = (
        f"SELECT {', '.join([*breakdown.keys, *formulas])} FROM {stacked(breakdown, made.parts)} "
        f"WHERE {' OR '.join(present(questions))} "
        f"ORDER BY {', '.join(order_by(first, breakdown))} LIMIT {most} BY d0"
    )
    return Shared(questions, breakdown, made, sql, scene.params)


def together(choices: Sequence[Choice]) -> Choice:
    """All atoms of choices of one kind."""

    def union(name: str) -> tuple[Atom, ...]:
        return tuple(dict.fromkeys(atom for one in choices for atom in getattr(one, name)))

    return Choice(union("rest"), choices[0].covered, counted=union("counted"))


def places_of(questions: Sequence[Question]) -> list[int]:
    """The place of each question's dimension."""
    rows = list(dict.fromkeys(one.dimension for one in questions if one.dimension is not None))
    return [len(rows) if one.dimension is None else rows.index(one.dimension) for one in questions]


def present(questions: Sequence[Question]) -> Iterator[str]:
    """The conditions under which a row belongs into the answer of its question, as in a statement of its own."""
    for one, place in zip(questions, places_of(questions), strict=True):
        something = " OR ".join(f"a_{atom.name} != 0" for atom in one.breakdown.atoms())
        yield f"d0 = {place}" if one.dimension is None else f"(d0 = {place} AND ({something}))"


def order_by(question: Question, breakdown: Apart) -> list[str]:
    """By dimension, then in the order of the questions; the value breaks ties."""
    names = {row.name: f"m{index}" for index, row in enumerate(breakdown.metrics)} | {VALUE: "d1"}
    found = {names[name]: f"{names[name]} {way.upper()} NULLS LAST" for name, way in question.order}
    found.setdefault("d1", "d1 ASC")
    return ["d0", *found.values()]
