"""Reads of the audit log: entries by person, action, object and time, as people read them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from accounts.audit.chain import select_chain
from accounts.audit.models import INSTALLATION, ActorType, AuditEntry
from accounts.audit.subjects import SUBJECTS, format_action

CSV_COLUMNS = (
    "id", "at", "actor", "actor_type", "action", "target_type", "target_id", "target", "changes", "via", "address",
    "user_agent", "request_id",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class AuditQuery:
    """What a reader looks for; empty texts and None mean all. `since` and `until` are days, both inclusive."""

    actor: str = ""
    action: str = ""
    target: str = ""
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True)
class FieldChange:
    """A changed field with its values as texts, "" for none."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class AuditLine:
    """An entry as a page shows it."""

    entry: AuditEntry
    at: datetime
    action: str
    target_type: str
    changes: list[FieldChange]

    @property
    def shows_actor_type(self) -> bool:
        """Whether the actor's type says more than the label: not for people, known or unknown."""
        return self.entry.actor_type not in (ActorType.USER, ActorType.ANONYMOUS)


def select_entries(account_id: int | None) -> QuerySet[AuditEntry]:
    """Select the entries of an account, or of the installation, the latest first."""
    return select_chain(account_id or INSTALLATION).order_by("-pk")


def find_entries(rows: QuerySet[AuditEntry], query: AuditQuery, zone: ZoneInfo) -> QuerySet[AuditEntry]:
    """Select the entries that a reader looks for; days are those of the zone."""
    texts = {"actor_label__icontains": query.actor, "action": query.action, "target_label__icontains": query.target}
    rows = rows.filter(**{name: text for name, text in texts.items() if text})
    if query.since is not None:
        rows = rows.filter(at__gte=datetime.combine(query.since, time(), zone))
    if query.until is not None:
        rows = rows.filter(at__lt=datetime.combine(query.until, time(), zone) + timedelta(days=1))
    return rows


def format_line(entry: AuditEntry, zone: ZoneInfo) -> AuditLine:
    """Format an entry for a page."""
    subject = SUBJECTS.get(entry.target_type)
    return AuditLine(
        entry=entry,
        at=entry.at.astimezone(zone),
        action=format_action(entry.action),
        target_type=subject.label if subject else entry.target_type,
        changes=[
            FieldChange(name.removesuffix("_id").replace("_", " "), format_text(old), format_text(new))
            for name, (old, new) in entry.changes.items()
        ],
    )


def format_text(value: object) -> str:
    """Format a value of a change."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def list_csv_rows(entries: Iterable[AuditEntry]) -> list[tuple[object, ...]]:
    """List the lines of a CSV file, the names of its columns first. Times are in UTC."""
    return [
        CSV_COLUMNS,
        *(
            (
                entry.pk, entry.at.isoformat(timespec="seconds"), entry.actor_label, entry.actor_type, entry.action,
                entry.target_type, entry.target_id, entry.target_label,
                json.dumps(entry.changes, ensure_ascii=False) if entry.changes else "", entry.via, entry.address,
                entry.user_agent, entry.request_id,
            )
            for entry in entries
        ),
    ]  # fmt: skip
