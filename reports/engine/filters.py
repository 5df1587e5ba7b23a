"""Filters: from the JSON of a URL, segment or goal to a tree, checked before anything is asked.

    {"dimension": "country", "operator": "is", "value": ["DE", "EE"]}     a list is OR
    {"and": […]}  {"or": […]}  {"not": …}
    {"goal": 12}  {"segment": 3}                                          by number
    {"visited": {…}}                                                      the visit contains such an event

A value is a code or a name: `Germany`, `de` and `DE` are one country (see `vocabulary`). Patterns (contains,
starts_with, ends_with) look into the names that pages show as well as into the codes.

A filter speaks of one event: "page is /a" are the events on /a. A visit, where visits are counted, satisfies it when
it contains such an event; without anything only events have, when the visit itself does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from accounts.host_names import host_name
from reports.engine.dimensions import Dimension, dimension
from reports.engine.refusal import QueryRefused, one_of, shown
from reports.engine.vocabulary import VOCABULARIES, canonical_value, codes_named, fold
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
        return with_names(found)
    named = tuple(Named("goal", int(value)) for value in found.values)
    goals = named[0] if len(named) == 1 else Group("or", named)
    return Not(Visited(goals)) if found.operator == "is_not" else goals


NAME_TESTS: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda name, text: text in name,
    "starts_with": lambda name, text: name.startswith(text),
    "ends_with": lambda name, text: name.endswith(text),
}


def with_names(found: Leaf) -> Node:
    """A pattern over codes that looks into their names too: "country contains Germ" finds DE."""
    operator = NEGATIVE.get(found.operator, found.operator)
    if operator not in NAME_TESTS:
        return found
    holds, texts = NAME_TESTS[operator], [fold(text) for text in found.values]
    codes = codes_named(found.dimension.name, lambda name: any(holds(name, text) for text in texts))
    if not codes:
        return found
    parts = [Leaf(found.dimension, operator, found.values), Leaf(found.dimension, "is", codes)]
    if found.dimension.name == "language" and operator != "ends_with":
        parts.append(Leaf(found.dimension, "starts_with", tuple(f"{code}-" for code in codes)))
    either = Group("or", tuple(parts))
    return Not(either) if operator != found.operator else either


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
    if operator in ("is", "is_not"):
        return tuple(dict.fromkeys(stored for text in texts for stored in stored_values(row, text, where)))
    if "" in texts:
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
    if operator in WHOLE:
        return TYPED[row.format](text)
    return readable_path(text.replace(" ", "%20") if row.format == "path" and operator != "matches" else text)


def stored_values(row: Dimension, text: str, where: str) -> tuple[str, ...]:
    """The values in the store that a code or name stands for. Raises QueryRefused for one that names nothing.

    What pages call the empty value (Direct, Unknown) is the empty value; languages may be stored in lower case, too.
    """
    if is_empty_name(row, text):
        return ("",) if row.name in VOCABULARIES else (text, "")
    found = canonical_value(row.name, stored_form(row, "is", text), where)
    return (found, found.lower()) if row.name == "language" else (found,)


def is_empty_name(row: Dimension, text: str) -> bool:
    """Whether the text is what pages call the dimension's empty value, such as Direct or Unknown."""
    return text != "" and fold(text) == fold(row.empty)


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


# -- goals that a filter asks for -------------------------------------------------------------------------------------
#
# A goal at the top of a filter chooses visits: those in which it was reached. Conversions, rates and amounts are of the
# events that reach it, everything else is of what happened in those visits.


def top_parts(tree: Node | None) -> tuple[Node, ...]:
    """The parts that must all hold, those of segments included. Segments and goals are looked up already."""
    if tree is None:
        return ()
    if isinstance(tree, Named) and tree.kind == "segment":
        return top_parts(tree.part)
    if not isinstance(tree, Group) or tree.word != "and":
        return (tree,)
    return tuple(each for part in tree.parts for each in top_parts(part))


def goals_in(part: Node) -> tuple[int, ...]:
    """The numbers of a part that is a goal, or one of several goals; nothing for any other part."""
    if isinstance(part, Named) and part.kind == "goal":
        return (part.number,)
    if not isinstance(part, Group) or part.word != "or":
        return ()
    numbers = [goals_in(each) for each in part.parts]
    return tuple(number for each in numbers for number in each) if all(numbers) else ()


def joined(parts: Iterable[Node]) -> Node | None:
    """All parts at once; None for no part."""
    listed = tuple(parts)
    return (listed[0] if len(listed) == 1 else Group("and", listed)) if listed else None


def without_goals(tree: Node | None) -> tuple[Node | None, tuple[int, ...]]:
    """The filter without the goals it asks for at its top, and the numbers of those goals."""
    parts = top_parts(tree)
    numbers = tuple(dict.fromkeys(number for part in parts for number in goals_in(part)))
    return (joined(part for part in parts if not goals_in(part)), numbers) if numbers else (tree, ())


def by_viewing(part: Node) -> bool:
    """Whether it speaks of pages that were seen, and of nothing else that only events have."""
    sides = [each.dimension for each in leaves(part, inside_visited=False) if each.dimension.side == "event"]
    return bool(sides) and all(row.shown_by == "view" for row in sides)


def of_goal_event(part: Node) -> bool:
    """Whether it says something of the very event that reaches a goal, such as its amount or a property."""
    times = any(each.dimension.family == "time" for each in leaves(part, inside_visited=False))
    return times or (about_events(part) and not by_viewing(part))


def goal_events(tree: Node | None) -> Node | None:
    """The events that reach the goals chosen, in visits that satisfy the rest."""
    chosen = [part for part in top_parts(tree) if goals_in(part)]
    rest = [part for part in top_parts(tree) if not goals_in(part)]
    reached = chosen[0] if len(chosen) == 1 else Group("or", tuple(chosen))
    others = [Visited(part) for part in chosen] if len(chosen) > 1 else []
    return joined([reached, *others, *(Visited(part) if by_viewing(part) else part for part in rest)])


def goal_visits(tree: Node | None) -> Node | None:
    """Everything in the visits in which the goals chosen were reached."""
    rest = [part for part in top_parts(tree) if not goals_in(part)]
    own = [part for part in rest if of_goal_event(part)]
    kept = [part for part in rest if by_viewing(part) or not about_events(part)]
    chosen = [part for part in top_parts(tree) if goals_in(part)]
    return joined([*kept, *(Visited(joined([part, *own]) or part) for part in chosen)])
