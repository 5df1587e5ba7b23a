"""What a write changed: the values of an object's fields before and after, without secrets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias

from django.db.models import Model

from accounts.audit.subjects import TIMES, AuditSubject, Changes
from accounts.security.encrypted_fields import DOTS

MAX_TEXT, MAX_JSON = 500, 2_000  # characters of one value
NOT_RECORDED = frozenset({"id", "created", "change"})  # change: the number by which caches find changed rows
FieldValues: TypeAlias = Mapping[str, object]  # by the column's attribute: `group_id` for the field `group`
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


def list_first_values(subject: AuditSubject, after: FieldValues) -> Changes:
    """Return what a new object shows of itself: the fields that are shown and not empty."""
    return {name: (None, value) for name, value in after.items() if name in subject.shown and value}


def to_json(subject: AuditSubject, changes: Changes) -> JsonChanges:
    """Convert changes to what is stored; dots stand for the values of fields that are not shown."""
    shown = subject.shown | {TIMES}
    return {
        name: [format_value(old), format_value(new)] if name in shown else [hide(old), hide(new)]
        for name, (old, new) in changes.items()
    }


def hide(value: object) -> str | None:
    """Return dots for a value, None for an empty one."""
    return DOTS if value else None


def format_value(value: object) -> object:
    """Convert a value to JSON that both databases return unchanged: no floats, no NUL characters, not too long."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict | list | tuple):
        text = json.dumps(value, default=str, ensure_ascii=False, sort_keys=True).replace("\\u0000", "")
        return json.loads(text, parse_float=str) if len(text) <= MAX_JSON else f"{text[:MAX_JSON]}…"
    text = str(value).replace("\x00", "")
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"
