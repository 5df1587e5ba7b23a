"""From what a caller sends, numbers and names, to rows of the caller's scope.

A number outside the scope and one that does not exist are refused with the same sentence, so that nobody learns which
of the two it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet

from links.grants import Sight
from links.models import Tag

Row = TypeVar("Row", bound=Model)
MAX_NUMBER = 2**63
MAX_NAME = 200  # characters compared; no tag has so many


def does_not_exist(what: str, field: str) -> ValidationError:
    return ValidationError({field: f"Specified {what} does not exist."})


def find_row(rows: QuerySet[Row], number: Any, what: str, field: str) -> Row:
    """The row of that number among `rows`. Raises ValidationError {field: …} when there is none."""
    return find_rows(rows, [number], what, field)[0]


def find_rows(rows: QuerySet[Row], numbers: Iterable[Any], what: str, field: str) -> list[Row]:
    """The rows of those numbers, in the order given, each once. Raises ValidationError {field: …} if one is missing."""
    wanted = list(dict.fromkeys(numbers))
    if not all(isinstance(number, int) and 0 < number < MAX_NUMBER for number in wanted):
        raise does_not_exist(what, field)
    found: dict[Any, Row] = rows.in_bulk(wanted)
    if len(found) < len(wanted):
        raise does_not_exist(what, field)
    return [found[number] for number in wanted]


def find_tags(sight: Sight, given: Sequence[int | str], field: str = "tags") -> list[Tag | str]:
    """The tags of those numbers and names that the caller may use.

    Names that are new stay names, for the service to make, where the caller may make tags; to anybody else they do not
    exist, like the names of tags out of their scope. Raises ValidationError {field: …}.
    """
    rows = sight.tags()
    numbers = [one for one in given if isinstance(one, int)]
    by_number = {tag.pk: tag for tag in find_rows(rows, numbers, "tag", field)}
    found: list[Tag | str] = []
    for one in given:
        if isinstance(one, int):
            found.append(by_number[one])
        elif sight.master:
            found.append(one)
        else:
            tag = rows.filter(name__iexact=one[:MAX_NAME]).first()
            if tag is None:
                raise does_not_exist("tag", field)
            found.append(tag)
    return found
