"""Selectors: find rows within the caller's scope by the ids and names that a caller sends.

Ids outside the scope and ids that do not exist get the same error, so that callers cannot distinguish them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet

from links.models import Tag
from links.permissions import LinkScope

Row = TypeVar("Row", bound=Model)
MAX_ID = 2**63
MAX_NAME = 200  # characters that are compared; names of tags are shorter


def build_missing_error(what: str, field: str) -> ValidationError:
    return ValidationError({field: f"Specified {what} does not exist."})


def find_row(rows: QuerySet[Row], number: Any, what: str, field: str) -> Row:
    """Find the row with this id. Raises ValidationError {field: …} if there is none."""
    return find_rows(rows, [number], what, field)[0]


def find_rows(rows: QuerySet[Row], numbers: Iterable[Any], what: str, field: str) -> list[Row]:
    """Find the rows with these ids, in this order, each once. Raises ValidationError {field: …} if one is missing."""
    ids = list(dict.fromkeys(numbers))
    if not all(isinstance(number, int) and 0 < number < MAX_ID for number in ids):
        raise build_missing_error(what, field)
    rows_by_id: dict[Any, Row] = rows.in_bulk(ids)
    if len(rows_by_id) < len(ids):
        raise build_missing_error(what, field)
    return [rows_by_id[number] for number in ids]


def find_tags(scope: LinkScope, tags: Sequence[int | str], field: str = "tags") -> list[Tag | str]:
    """Find the tags with these ids and names that the caller may use.

    A new name is returned unchanged, for the service to create, if the caller may create tags. Raises ValidationError
    {field: …} for other new names and for tags outside the caller's scope.
    """
    rows = scope.tags()
    numbers = [tag_or_name for tag_or_name in tags if isinstance(tag_or_name, int)]
    by_number = {tag.pk: tag for tag in find_rows(rows, numbers, "tag", field)}
    result: list[Tag | str] = []
    for tag_or_name in tags:
        if isinstance(tag_or_name, int):
            result.append(by_number[tag_or_name])
        elif scope.can_manage:
            result.append(tag_or_name)
        else:
            tag = rows.filter(name__iexact=tag_or_name[:MAX_NAME]).first()
            if tag is None:
                raise build_missing_error("tag", field)
            result.append(tag)
    return result
