"""Filters: from the JSON of a URL, segment or goal to a checked tree.

    {"dimension": "country", "operator": "is", "value": ["DE", "EE"]}     a list means OR
    {"and": […]}  {"or": […]}  {"not": …}
    {"goal": 12}  {"segment": 3}                                          by id
    {"visited": {…}}                                                      the visit contains such an event

A value is a code or a name: `Germany`, `de` and `DE` are one country (see `vocabulary`). Patterns (contains,
starts_with, ends_with) match the names that pages show as well as the codes.

A filter is about one event: "page is /a" selects the events on /a. Where visits are counted, a visit satisfies it if it
contains such an event; a filter without anything that only events have is about the visit itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from accounts.host_names import normalize_host
from goals.predicates import Filter
from reports.query.dimensions import Dimension, get_dimension
from reports.query.errors import QueryRefused, join_names, quote_value
from reports.query.vocabulary import VOCABULARIES, find_canonical_value, find_codes_by_name, fold
from sites.page_paths import decode_path, normalize_typed_path, normalize_typed_source, normalize_typed_url

MAX_DEPTH = 8
MAX_VALUES = 1_000
MAX_LEAVES = 200
MAX_TEXT_LENGTH = 2_000
MAX_PATTERNS = 20
TEXT_OPERATORS = ("is", "is_not", "contains", "not_contains", "starts_with", "ends_with", "matches")
NUMBER_OPERATORS = ("is", "is_not", "at_least", "at_most")
TIME_OPERATORS = ("is", "is_not")
OPERATORS = (*TEXT_OPERATORS, "at_least", "at_most")
NEGATED_OPERATORS = {"is_not": "is", "not_contains": "contains"}
NORMALIZERS = {"path": normalize_typed_path, "url": normalize_typed_url}  # by format of the dimension
URL_OPERATORS = ("is", "is_not", "starts_with")  # operators whose values may begin with scheme and host
T = TypeVar("T")
FORBIDDEN_CHARACTERS = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True)
class Leaf:
    """One condition: a dimension compared with values, of which one must match."""

    dimension: Dimension
    operator: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class FilterGroup:
    """All (`and`) or any (`or`) of its parts."""

    operator: str
    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Not:
    part: Node


@dataclass(frozen=True)
class Visited:
    """The visit contains an event that satisfies `part`."""

    part: Node


@dataclass(frozen=True)
class Reference:
    """A goal or segment by its id; `part` is its filter, once looked up."""

    kind: str
    number: int
    part: Node | None = None


Node = Leaf | FilterGroup | Not | Visited | Reference
# What a query takes: a tree, or filter JSON, of which a list means that all its filters hold
FilterInput = Node | Filter | Sequence[Filter] | None


# -- parsing ----------------------------------------------------------------------------------------------------------


def parse(value: object, where: str = "where") -> Node | None:
    """Parse filter JSON; None for a filter without conditions. Raises QueryRefused with a sentence.

    A tree that was parsed before is returned as it is, so that whoever needs several queries parses their filter once.
    """
    if isinstance(value, Node):
        return value
    if value is None or value == [] or value == {} or value == ():
        return None
    if isinstance(value, list | tuple):
        value = {"and": list(value)}
    tree = parse_node(value, where, 1)
    if sum(1 for _ in iterate_leaves(tree)) > MAX_LEAVES:
        raise QueryRefused(f"The filter has more than {MAX_LEAVES} conditions; put values into lists.", where)
    return tree


def parse_node(value: object, where: str, depth: int) -> Node:
    if depth > MAX_DEPTH:
        raise QueryRefused(f"The filter is nested more than {MAX_DEPTH} levels deep.", where)
    if not isinstance(value, dict):
        raise QueryRefused(f"A filter is an object, not {quote_value(type(value).__name__)}.", where)
    if "dimension" in value:
        return parse_leaf(value, where)
    if len(value) != 1:
        raise QueryRefused(
            "A filter has “dimension”, “operator” and “value”, or exactly one of and, or, not, goal, segment, visited.",
            where,
        )
    word, inner = next(iter(value.items()))
    if word in ("and", "or"):
        return parse_group(word, inner, where, depth)
    if word == "not":
        return Not(parse_node(inner, f"{where}.not", depth + 1))
    if word == "visited":
        return Visited(parse_node(inner, f"{where}.visited", depth + 1))
    if word in ("goal", "segment"):
        return Reference(word, parse_id(inner, f"{where}.{word}"))
    raise QueryRefused(
        f"A filter cannot begin with {quote_value(word)}; use dimension, and, or, not, goal, segment or visited.", where
    )


def parse_group(operator: str, value: object, where: str, depth: int) -> FilterGroup:
    if not isinstance(value, list | tuple) or not value:
        raise QueryRefused(f"“{operator}” needs a list of filters.", f"{where}.{operator}")
    if len(value) > MAX_VALUES:
        raise QueryRefused(f"“{operator}” takes at most {MAX_VALUES} filters.", f"{where}.{operator}")
    parts = (parse_node(part, f"{where}.{operator}[{index}]", depth + 1) for index, part in enumerate(value))
    return FilterGroup(operator, tuple(parts))


def parse_id(value: object, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise QueryRefused(f"A goal or segment is named by its number, not {quote_value(value)}.", where)
    return value


def parse_leaf(value: Mapping[str, object], where: str) -> Node:
    """Parse one condition. A condition on the dimension `goal` becomes references to those goals."""
    leaf = parse_condition(value, where)
    if leaf.dimension.family != "goal":
        return search_names_too(leaf)
    references = tuple(Reference("goal", int(number)) for number in leaf.values)
    goals = references[0] if len(references) == 1 else FilterGroup("or", references)
    return Not(Visited(goals)) if leaf.operator == "is_not" else goals


NAME_TESTS: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda name, text: text in name,
    "starts_with": lambda name, text: name.startswith(text),
    "ends_with": lambda name, text: name.endswith(text),
}


def search_names_too(leaf: Leaf) -> Node:
    """Let a pattern over codes match their names as well: "country contains Germ" finds DE."""
    operator = NEGATED_OPERATORS.get(leaf.operator, leaf.operator)
    if operator not in NAME_TESTS:
        return leaf
    matches, texts = NAME_TESTS[operator], [fold(text) for text in leaf.values]
    codes = find_codes_by_name(leaf.dimension.name, lambda name: any(matches(name, text) for text in texts))
    if not codes:
        return leaf
    parts = [Leaf(leaf.dimension, operator, leaf.values), Leaf(leaf.dimension, "is", codes)]
    if leaf.dimension.name == "language" and operator != "ends_with":
        parts.append(Leaf(leaf.dimension, "starts_with", tuple(f"{code}-" for code in codes)))
    either = FilterGroup("or", tuple(parts))
    return Not(either) if operator != leaf.operator else either


def parse_condition(value: Mapping[str, object], where: str) -> Leaf:
    if extra := set(value) - {"dimension", "operator", "value"}:
        raise QueryRefused(f"A condition has no {quote_value(sorted(map(str, extra))[0])}.", where)
    definition = get_dimension(check_text(value["dimension"], f"{where}.dimension"), f"{where}.dimension")
    operator = value.get("operator", "is")
    allowed = list_operators(definition)
    if not isinstance(operator, str) or operator not in OPERATORS:
        raise QueryRefused(
            f"There is no operator {quote_value(operator)}; use one of {join_names(allowed)}.", f"{where}.operator"
        )
    if operator not in allowed:
        raise QueryRefused(
            f"“{definition.name}” cannot be compared by “{operator}”; use one of {join_names(allowed)}.",
            f"{where}.operator",
        )
    return Leaf(definition, operator, parse_values(definition, operator, value.get("value"), f"{where}.value"))


def list_operators(definition: Dimension) -> tuple[str, ...]:
    """Return the operators that make sense for a dimension."""
    if definition.family in ("time", "goal"):
        return TIME_OPERATORS
    return NUMBER_OPERATORS if definition.number else TEXT_OPERATORS


def parse_values(definition: Dimension, operator: str, value: object, where: str) -> tuple[object, ...]:
    """Return the values as they are stored: numbers, or texts in their stored form."""
    values = list(value) if isinstance(value, list | tuple) else [value]
    if not values:
        raise QueryRefused("The list of values is empty; give at least one.", where)
    maximum = MAX_PATTERNS if operator == "matches" else MAX_VALUES
    if len(values) > maximum:
        raise QueryRefused(f"“{operator}” takes at most {maximum:,} values, not {len(values):,}.", where)
    if definition.number or definition.family == "goal":
        return tuple(parse_number(number, where) for number in values)
    texts = tuple(check_text(parse_text(text, where), where) for text in values)
    if operator in ("is", "is_not"):
        return tuple(dict.fromkeys(stored for text in texts for stored in find_stored_values(definition, text, where)))
    if "" in texts:
        raise QueryRefused(f"“{operator}” needs a value that is not empty.", where)
    return tuple(convert_to_stored_form(definition, operator, text) for text in texts)


def convert_to_stored_form(definition: Dimension, operator: str, text: str) -> str:
    """Convert a typed text to the form that is stored: the page `https://site/gr%C3%B6%C3%9Fe` to `/größe`."""
    if definition.name in ("source", "referrer_domain"):
        return normalize_typed_source(text)
    if definition.name == "host" and operator in ("is", "is_not"):
        return normalize_host(text) or text
    if definition.format not in NORMALIZERS or definition.name == "destination":
        return text
    if operator in URL_OPERATORS:
        return NORMALIZERS[definition.format](text)
    return decode_path(text.replace(" ", "%20") if definition.format == "path" and operator != "matches" else text)


def find_stored_values(definition: Dimension, text: str, where: str) -> tuple[str, ...]:
    """Return the stored values that a code or name stands for. Raises QueryRefused for one that names nothing.

    The label of the empty value (Direct, Unknown) is the empty value. Languages may also be stored in lower case.
    """
    if is_empty_name(definition, text):
        return ("",) if definition.name in VOCABULARIES else (text, "")
    value = find_canonical_value(definition.name, convert_to_stored_form(definition, "is", text), where)
    return (value, value.lower()) if definition.name == "language" else (value,)


def is_empty_name(definition: Dimension, text: str) -> bool:
    """Return whether the text is the label of the dimension's empty value, such as Direct or Unknown."""
    return text != "" and fold(text) == fold(definition.empty)


def parse_text(value: object, where: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise QueryRefused(f"A value is text, not {quote_value(type(value).__name__)}.", where)
    return str(value)


def parse_number(value: object, where: str) -> float:
    try:
        number = float(value) if not isinstance(value, bool) else None  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = None
    if number is None or not abs(number) < 2**53:
        raise QueryRefused(f"A value here is a number, not {quote_value(value)}.", where)
    return number


def check_text(value: T, where: str) -> T:
    """Return the value unchanged. Raises QueryRefused for text with NUL or lone surrogates, or that is too long."""
    if isinstance(value, str):
        if FORBIDDEN_CHARACTERS.search(value):
            raise QueryRefused("A text contains a character that is not allowed (NUL or a lone surrogate).", where)
        if len(value) > MAX_TEXT_LENGTH:
            raise QueryRefused(f"A text is longer than {MAX_TEXT_LENGTH:,} characters.", where)
    return value


# -- walking ----------------------------------------------------------------------------------------------------------


def list_children(tree: Node) -> tuple[Node, ...]:
    """Return the parts of a node; of a reference the filter it stands for, once looked up."""
    if isinstance(tree, FilterGroup):
        return tree.parts
    if isinstance(tree, Not | Visited):
        return (tree.part,)
    return (tree.part,) if isinstance(tree, Reference) and tree.part else ()


def iterate_leaves(tree: Node | None, inside_visited: bool = True) -> Iterator[Leaf]:
    """Yield all conditions of a tree; `inside_visited=False` leaves out those about other events of the visit."""
    if tree is None or (isinstance(tree, Visited) and not inside_visited):
        return
    if isinstance(tree, Leaf):
        yield tree
    for part in list_children(tree):
        yield from iterate_leaves(part, inside_visited)


def find_references(tree: Node | None) -> Iterator[Reference]:
    """Yield the goals and segments that a tree refers to, without those inside the segments."""
    if isinstance(tree, Reference):
        yield tree
    elif tree is not None:
        for part in list_children(tree):
            yield from find_references(part)


def combine(*trees: Node | None) -> Node | None:
    """Return one tree that requires all of these; None if there is none."""
    parts = tuple(tree for tree in trees if tree is not None)
    return (parts[0] if len(parts) == 1 else FilterGroup("and", parts)) if parts else None


@lru_cache(maxsize=64)  # few, because a filter may hold very many values
def list_dimensions(tree: Node | None) -> tuple[Dimension, ...]:
    """Return the dimensions that a tree is about, without those of other events of the visit."""
    return tuple(dict.fromkeys(leaf.dimension for leaf in iterate_leaves(tree, inside_visited=False)))


@lru_cache(maxsize=64)
def needs_events(tree: Node | None) -> bool:
    """Return whether the tree is about something that only events have."""
    return any(dimension.side == "event" for dimension in list_dimensions(tree))


# -- goals that a filter requires -------------------------------------------------------------------------------------
#
# A goal at the top level of a filter selects visits: those in which it was reached. Conversions, rates and amounts are
# of the events that reach it, everything else is of all that happened in those visits.


def list_required_parts(tree: Node | None) -> tuple[Node, ...]:
    """Return the parts that must all hold, including those of segments. References must be looked up already."""
    if tree is None:
        return ()
    if isinstance(tree, Reference) and tree.kind == "segment":
        return list_required_parts(tree.part)
    if not isinstance(tree, FilterGroup) or tree.operator != "and":
        return (tree,)
    return tuple(inner for part in tree.parts for inner in list_required_parts(part))


def extract_goal_ids(part: Node) -> tuple[int, ...]:
    """Return the ids of a part that is a goal, or an OR of goals only; nothing for any other part."""
    if isinstance(part, Reference) and part.kind == "goal":
        return (part.number,)
    if not isinstance(part, FilterGroup) or part.operator != "or":
        return ()
    alternatives = [extract_goal_ids(inner) for inner in part.parts]
    return tuple(number for numbers in alternatives for number in numbers) if all(alternatives) else ()


def split_goals(tree: Node | None) -> tuple[list[Node], list[Node]]:
    """Return the required parts that are goals, and the others."""
    goals: list[Node] = []
    others: list[Node] = []
    for part in list_required_parts(tree):
        (goals if extract_goal_ids(part) else others).append(part)
    return goals, others


def remove_goals(tree: Node | None) -> tuple[Node | None, tuple[int, ...]]:
    """Return the filter without the goals it requires at its top level, and the ids of those goals."""
    goals, others = split_goals(tree)
    if not goals:
        return tree, ()
    numbers = tuple(dict.fromkeys(number for part in goals for number in extract_goal_ids(part)))
    return combine(*others), numbers


def is_about_views(part: Node) -> bool:
    """Return whether a part is about viewed pages, and about nothing else that only events have."""
    of_events = [dimension for dimension in list_dimensions(part) if dimension.side == "event"]
    return bool(of_events) and all(dimension.exposed_by == "view" for dimension in of_events)


def is_about_goal_event(part: Node) -> bool:
    """Return whether a part is about the very event that reaches a goal, such as its amount or a property."""
    has_time = any(dimension.family == "time" for dimension in list_dimensions(part))
    return has_time or (needs_events(part) and not is_about_views(part))


def filter_goal_events(tree: Node | None) -> Node | None:
    """Return the filter of the events that reach the required goals, in visits that satisfy the rest."""
    goals, others = split_goals(tree)
    reached = goals[0] if len(goals) == 1 else FilterGroup("or", tuple(goals))
    in_visit = [Visited(part) for part in goals] if len(goals) > 1 else []
    return combine(reached, *in_visit, *(Visited(part) if is_about_views(part) else part for part in others))


def filter_goal_visits(tree: Node | None) -> Node | None:
    """Return the filter of everything in the visits in which the required goals were reached."""
    goals, others = split_goals(tree)
    of_goal_event = [part for part in others if is_about_goal_event(part)]
    of_visit = [part for part in others if is_about_views(part) or not needs_events(part)]
    return combine(*of_visit, *(Visited(combine(part, *of_goal_event) or part) for part in goals))
