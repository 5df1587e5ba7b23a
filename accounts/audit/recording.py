"""How services record what they do: one line in the transaction of the write.

    record_action("goal.created", goal)
    before = read_fields(goal) … record_change("goal.changed", goal, before)

An entry is stored with the write, or not at all. A periodic task seals it soon after (`accounts.audit.chain`), so that
a write neither waits for the chain's lock nor takes the time of the seal.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.db.models import Model
from django.utils import timezone

from accounts.audit.changes import FieldValues, compare_fields, list_first_values, read_fields, to_json
from accounts.audit.context import AuditActor, current_context
from accounts.audit.models import AuditEntry
from accounts.audit.subjects import ACTION_SUBJECTS, AuditSubject, Changes

MAX_LENGTHS = {field.attname: field.max_length for field in AuditEntry._meta.concrete_fields}
__all__ = ["read_fields", "record_action", "record_change", "record_event"]


def record_action(
    action: str,
    row: Model | None,
    *,
    changes: Changes | None = None,
    accounts: Sequence[int | None] | None = None,
    label: str = "",
    actor: AuditActor | None = None,
) -> None:
    """Record an action on a row, in the accounts that it belongs to. Must be called in the transaction of the write.

    `row` is None, or `label` given, for what has no row of its own. `accounts` and `actor` are those of the row and of
    the context unless given. Raises LookupError for an action that is not registered.
    """
    subject = ACTION_SUBJECTS[action]
    if changes is None and action.endswith(".created") and row is not None:
        changes = list_first_values(subject, row)
    for account in subject.find_accounts(row) if accounts is None else accounts:
        build_entry(action, subject, row, account, changes or {}, label, actor).save(force_insert=True)


def record_change(
    action: str,
    row: Model,
    before: FieldValues,
    *,
    also: Changes | None = None,
    accounts: Sequence[int | None] | None = None,
    label: str = "",
) -> None:
    """Record what differs between `before` (`read_fields`) and now; nothing if nothing does.

    `also` are changes that are in no field of the row, such as related rows.
    """
    differing = {name: pair for name, pair in (also or {}).items() if pair[0] != pair[1]}
    changes = {**compare_fields(ACTION_SUBJECTS[action], before, read_fields(row)), **differing}
    if changes:
        record_action(action, row, changes=changes, accounts=accounts, label=label)


@transaction.atomic
def record_event(
    action: str,
    row: Model | None,
    *,
    changes: Changes | None = None,
    accounts: Sequence[int | None] | None = None,
    label: str = "",
    actor: AuditActor | None = None,
) -> None:
    """Record an action that writes nothing else, such as that a key was shown."""
    record_action(action, row, changes=changes, accounts=accounts, label=label, actor=actor)


def build_entry(
    action: str,
    subject: AuditSubject,
    row: Model | None,
    account: int | None,
    changes: Changes,
    label: str,
    actor: AuditActor | None,
) -> AuditEntry:
    """Build the entry of one account, unsaved."""
    context = current_context.get()()
    who = actor or context.find_actor()
    texts = {
        "actor_label": who.label,
        "target_label": label or (str(row) if row is not None else ""),
        "address": context.address,
        "user_agent": context.user_agent,
        "request_id": context.request_id,
    }
    for name, text in texts.items():  # as both databases store them, cut to the length of their columns
        texts[name] = text.replace("\x00", "")[: MAX_LENGTHS[name]]
    return AuditEntry(
        account_id=account,
        at=timezone.now(),
        action=action,
        actor_type=who.type,
        actor_id=who.id,
        via=context.via,
        target_type=subject.name,
        target_id=str(row.pk) if row is not None and row.pk is not None else "",
        changes=to_json(subject, changes),
        **texts,
    )
