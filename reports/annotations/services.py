"""Writes of annotations."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts.audit.recording import record_action
from accounts.audit.subjects import AuditSubject
from accounts.models import User
from reports.annotations.models import Note
from sites.models import Site

AUDIT_SUBJECT = AuditSubject(
    name="note",
    label="Note",
    account="site.account_id",
    verbs=("created", "deleted"),
    shown=frozenset({"site_id", "at", "text"}),
)


@transaction.atomic
def note_add(*, site: Site, at: datetime, text: str, user: User | None = None) -> Note:
    """Create an annotation. Raises ValidationError by field."""
    note = Note(site=site, at=at, text=text.strip(), created_by=user)
    note.full_clean()
    note.save()
    record_action("note.created", note)
    return note


@transaction.atomic
def note_update(*, note: Note, **changes: object) -> Note:
    """Change instant or text of an annotation. Raises ValidationError by field."""
    for field, value in changes.items():
        setattr(note, field, value.strip() if field == "text" and isinstance(value, str) else value)
    note.full_clean()
    note.save()
    return note


@transaction.atomic
def note_delete(*, note: Note) -> None:
    """Delete an annotation."""
    record_action("note.deleted", note)
    note.delete()
