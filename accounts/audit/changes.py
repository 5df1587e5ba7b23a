"""What a write changed: the values of an object's fields before and after, without secrets."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from types import NoneType
from typing import TypeAlias

from django.db.models import Field, Model

from accounts.audit.subjects import SUBJECTS, TIMES, AuditSubject, Changes
from accounts.security.encrypted_fields import DOTS

MAX_TEXT, MAX_JSON = 500, 2_000  # characters of one value
NOT_RECORDED = frozenset({"id", "created", "change"})  # change: the number by which caches find changed rows
FieldValues: TypeAlias = Mapping[str, object]  # by the column's attribute: `group_id` for the field `group`
ShownField: TypeAlias = "Field[object, object]"
PLAIN_TYPES = frozenset({NoneType, bool, int})  # of values that both databases return unchanged
JsonChanges: TypeAlias = dict[str, list[object]]


def read_fields(row: Model) -> FieldValues:
    """Read the stored values of the row's fields; none if it is not stored. The row itself may have others by now."""
    if row.pk is None:
        return {}
    # Not of its type: `request.user` is a lazy object. A row takes half the time of `values` with all names
    stored = row._meta.model._default_manager.filter(pk=row.pk).first()
    if stored is None:
        return {}
    return {field.attname: getattr(stored, field.attname) for field in row._meta.concrete_fields if not field.generated}


def compare_fields(subject: AuditSubject, before: FieldValues, after: FieldValues) -> Changes:
    """Return the fields that differ, without those that the subject ignores."""
    names = [name for name in {**before, **after} if name not in NOT_RECORDED | subject.ignored]
    return {name: (before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)}


def list_first_values(subject: AuditSubject, row: Model) -> Changes:
    """Return what a new object shows of itself: the fields that are shown and not empty, as they have been stored."""
    if row.pk is None:
        return {}
    values = {}
    for field in list_shown_fields(subject.name, row._meta.model):
        if value := getattr(row, field.attname):
            values[field.attname] = (None, field.to_python(value))  # a service may have set a number as a text
    return values


@cache
def list_shown_fields(subject: str, model: type[Model]) -> Sequence[ShownField]:
    """List the fields of a model whose values its subject shows."""
    shown = SUBJECTS[subject].shown
    return [field for field in model._meta.concrete_fields if field.attname in shown and not field.generated]


def to_json(subject: AuditSubject, changes: Changes) -> JsonChanges:
    """Convert changes to what is stored; dots stand for the values of fields that are not shown."""
    result: JsonChanges = {}
    for name, (old, new) in changes.items():
        if name in subject.shown or name == TIMES:
            result[name] = [
                old if type(old) in PLAIN_TYPES else format_value(old),
                new if type(new) in PLAIN_TYPES else format_value(new),
            ]
        else:
            result[name] = [DOTS if old else None, DOTS if new else None]
    return result


def format_value(value: object) -> object:
    """Convert a value to JSON that both databases return unchanged: no floats, no NUL characters, not too long."""
    if isinstance(value, int):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict | list | tuple):
        text = json.dumps(value, default=str, ensure_ascii=False, sort_keys=True).replace("\\u0000", "")
        return json.loads(text, parse_float=str) if len(text) <= MAX_JSON else f"{text[:MAX_JSON]}…"
    text = str(value).replace("\x00", "")
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"
