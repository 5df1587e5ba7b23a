"""Filters: from the JSON of a URL, segment or goal to a tree, checked before anything is asked.

    {"dimension": "country", "operator": "is", "value": ["DE", "EE"]}     a list is OR
    {"and": […]}  {"or": […]}  {"not": …}
    {"goal": 12}  {"segment": 3}                                          by number
    {"visited": {…}}                                                      the visit contains such an event

A filter speaks of one event: "page is /a" are the events on /a. A visit, where visits are counted, satisfies it when
it contains such an event; without anything only events have, when the visit itself does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from accounts.host_names import host_name
from reports.engine.dimensions import Dimension, dimension
from reports.engine.refusal import QueryRefused, one_of, shown
from sites.page_paths import readable_path, typed_path, typed_source, typed_url

MOST_DEPTH = 8
MOST_VALUES = 1_000
MOST_LEAVES = 200
MOST_LENGTH = 2_000
MOST_PATTERNS = 20
TEXT_OPERATORS = ("is", "is_not", "contains", "not_contains", "starts_with", "ends_with", "matches")
NUMBER_OPERATORS = ("is", "is_not", "at_least", "at_most")
TIME_OPERATORS = ("is", "is_not")
OPERATORS = (*TEXT_OPERATORS, "at_least", "at_most")
NEGATIVE = {"is_not": "is", "not_contains": "contains"}
TYPED = {"path": typed_path, "url": typed_url}  # by format of the dimension
WHOLE = ("is", "is_not", "starts_with")  # operators whose values may begin with scheme and host
UNSPEAKABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True)
class Leaf:
    dimension: Dimension
    operator: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Group:
    """All (`and`) or any (`or`) of its parts."""

    word: str
    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Not:
    part: Node


@dataclass(frozen=True)
class Visited:
    """The visit contains an event that satisfies `part`."""

    part: Node


@dataclass(frozen=True)
class Named:
    """A goal or segment by its number; `part` is what it stands for, once looked up."""

    kind: str
    number: int
    part: Node | None = None


Node = Leaf | Group | Not | Visited | Named


def parse(given: object, where: str = "where") -> Node | None:
    """The tree of a filter; None and an empty list filter nothing. Raises QueryRefused with a sentence."""
    if given is None or given == [] or given == {} or given == ():
        return None
    if isinstance(given, list | tuple):
        given = {"and": list(given)}
    tree = node(given, where, 1)
    if sum(1 for _ in leaves(tree)) > MOST_LEAVES:
        raise QueryRefused(f"The filter has more than {MOST_LEAVES} conditions; put values into lists.", where)
    return tree


def node(given: object, where: str, depth: int) -> Node:
    if depth > MOST_DEPTH:
        raise QueryRefused(f"The filter is nested more than {MOST_DEPTH} levels deep.", where)
    if not isinstance(given, dict):
        raise QueryRefused(f"A filter is an object, not {shown(type(given).__name__)}.", where)
    if "dimension" in given:
        return leaf(given, where)
    if len(given) != 1:
        raise QueryRefused(
            "A filter has “dimension”, “operator” and “value”, or exactly one of and, or, not, goal, segment, visited.",
            where,
        )
    word, inside = next(iter(given.items()))
    if word in ("and", "or"):
        return group(word, inside, where, depth)
    if word == "not":
        return Not(node(inside, f"{where}.not", depth + 1))
    if word == "visited":
        return Visited(node(inside, f"{where}.visited", depth + 1))
    if word in ("goal", "segment"):
        return Named(word, number_of(inside, f"{where}.{word}"))
    raise QueryRefused(
        f"A filter cannot begin with {shown(word)}; use dimension, and, or, not, goal, segment or visited.", where
    )


def group(word: str, inside: object, where: str, depth: int) -> Group:
    if not isinstance(inside, list | tuple) or not inside:
        raise QueryRefused(f"“{word}” needs a list of filters.", f"{where}.{word}")
    if len(inside) > MOST_VALUES:
        raise QueryRefused(f"“{word}” takes at most {MOST_VALUES} filters.", f"{where}.{word}")
    return Group(word, tuple(node(part, f"{where}.{word}[{i}]", depth + 1) for i, part in enumerate(inside)))


def number_of(given: object, where: str) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given < 2**63:
        raise QueryRefused(f"A goal or segment is named by its number, not {shown(given)}.", where)
    return given


def leaf(given: dict[str, Any], where: str) -> Node:
    """One condition; one about goals becomes those goals."""
    found = condition(given, where)
    if found.dimension.family != "goal":
        return found
    goals = Group("or", tuple(Named("goal", int(value)) for value in found.values))
    return Not(goals) if found.operator == "is_not" else goals


def condition(given: dict[str, Any], where: str) -> Leaf:
    if extra := set(given) - {"dimension", "operator", "value"}:
        raise QueryRefused(f"A condition has no {shown(sorted(map(str, extra))[0])}.", where)
    row = dimension(speakable(given["dimension"], f"{where}.dimension"), f"{where}.dimension")
    operator = given.get("operator", "is")
    allowed = operators_of(row)
    if not isinstance(operator, str) or operator not in OPERATORS:
        raise QueryRefused(
            f"There is no operator {shown(operator)}; use one of {one_of(allowed)}.", f"{where}.operator"
        )
    if operator not in allowed:
        raise QueryRefused(
            f"“{row.name}” cannot be compared by “{operator}”; use one of {one_of(allowed)}.", f"{where}.operator"
        )
    return Leaf(row, operator, values_of(row, operator, given.get("value"), f"{where}.value"))


def operators_of(row: Dimension) -> tuple[str, ...]:
    """The operators that make sense for a dimension."""
    if row.family == "time":
        return TIME_OPERATORS
    return NUMBER_OPERATORS if row.number else TIME_OPERATORS if row.family == "goal" else TEXT_OPERATORS


def values_of(row: Dimension, operator: str, given: object, where: str) -> tuple[Any, ...]:
    listed = list(given) if isinstance(given, list | tuple) else [given]
    if not listed:
        raise QueryRefused("The list of values is empty; give at least one.", where)
    most = MOST_PATTERNS if operator == "matches" else MOST_VALUES
    if len(listed) > most:
        raise QueryRefused(f"“{operator}” takes at most {most:,} values, not {len(listed):,}.", where)
    if row.number or row.family == "goal":
        return tuple(number_value(value, where) for value in listed)
    texts = tuple(speakable(text_value(value, where), where) for value in listed)
    if operator not in ("is", "is_not") and "" in texts:
        raise QueryRefused(f"“{operator}” needs a value that is not empty.", where)
    return tuple(stored_form(row, operator, text) for text in texts)


def stored_form(row: Dimension, operator: str, text: str) -> str:
    """What somebody typed, as it is stored: the page `https://site/gr%C3%B6%C3%9Fe` is `/größe`."""
    if row.name in ("source", "referrer_domain"):
        return typed_source(text)
    if row.name == "host" and operator in ("is", "is_not"):
        return host_name(text) or text
    if row.format not in TYPED or row.name == "destination":
        return text
    return TYPED[row.format](text) if operator in WHOLE else readable_path(text)


def text_value(value: object, where: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise QueryRefused(f"A value is text, not {shown(type(value).__name__)}.", where)
    return str(value)


def number_value(value: object, where: str) -> float:
    try:
        number = float(value) if not isinstance(value, bool) else None  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = None
    if number is None or not abs(number) < 2**53:
        raise QueryRefused(f"A value here is a number, not {shown(value)}.", where)
    return number


def speakable(value: Any, where: str) -> Any:
    """The value, if it is text a database may hear. Raises QueryRefused for NUL, surrogates and novels."""
    if isinstance(value, str):
        if UNSPEAKABLE.search(value):
            raise QueryRefused("A text contains a character that is not allowed (NUL or a lone surrogate).", where)
        if len(value) > MOST_LENGTH:
            raise QueryRefused(f"A text is longer than {MOST_LENGTH:,} characters.", where)
    return value


def children(tree: Node) -> tuple[Node, ...]:
    if isinstance(tree, Group):
        return tree.parts
    if isinstance(tree, Not | Visited):
        return (tree.part,)
    return (tree.part,) if isinstance(tree, Named) and tree.part else ()


def leaves(tree: Node | None, inside_visited: bool = True) -> Iterator[Leaf]:
    """All conditions of a tree; `inside_visited=False` leaves out those that speak of another event of the visit."""
    if tree is None or (isinstance(tree, Visited) and not inside_visited):
        return
    if isinstance(tree, Leaf):
        yield tree
    for part in children(tree):
        yield from leaves(part, inside_visited)


def find_references(tree: Node | None) -> Iterator[Named]:
    """Yield the goals and segments that a tree refers to, without those inside the segments."""
    if isinstance(tree, Named):
        yield tree
    elif tree is not None:
        for part in children(tree):
            yield from find_references(part)


def both(one: Node | None, other: Node | None) -> Node | None:
    """Both filters at once."""
    if one is None or other is None:
        return one or other
    return Group("and", (one, other))


def about_events(tree: Node | None) -> bool:
    """Whether it needs something that only events have."""
    return any(found.dimension.side == "event" for found in leaves(tree, inside_visited=False))


def without_goals(tree: Node | None) -> tuple[Node | None, tuple[int, ...]]:
    """The filter without the goals it asks for at its top, and the numbers of those goals."""
    if isinstance(tree, Named) and tree.kind == "goal":
        return None, (tree.number,)
    if not isinstance(tree, Group) or tree.word != "and":
        return tree, ()
    rest: list[Node] = []
    numbers: tuple[int, ...] = ()
    for part in tree.parts:
        kept, found = without_goals(part)
        numbers += found
        if kept:
            rest.append(kept)
    return (Group("and", tuple(rest)) if rest else None), numbers
