"""How events are recorded that a program or a stranger can repeat at will, in a log from which nobody can delete.

`record_shown` records once an hour that a caller was shown a secret. `record_exported` and `record_repeatable` record
the first events of an hour, then those at which their number has doubled, with the number: so ten thousand failed
log-ins are some fifteen entries, and the last says how many there were. What is counted is in a cache of its own; if
that is lost, more is recorded rather than less.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Model

from accounts.audit.context import AuditActor, get_context
from accounts.audit.recording import record_event
from accounts.audit.subjects import TIMES, Changes
from accounts.security.client_ip import get_rate_limit_key
from accounts.security.rate_limits import AUDIT_CACHE_NAME, RateLimit, count_attempt, count_event, undo_attempt

SHOWN = RateLimit("audit-shown", 1, 3600, AUDIT_CACHE_NAME)
EXPORTED = RateLimit("audit-exported", 20, 3600, AUDIT_CACHE_NAME)  # by one caller of one object


def record_shown(
    action: str, row: Model | None, secret: str, *, accounts: Sequence[int | None] | None = None, label: str = ""
) -> None:
    """Record that a secret was shown: once an hour for the same secret, actor, network, object and label."""
    actor = get_context().find_actor()
    claim = (SHOWN, repr((action, identify_caller(actor), row and row.pk, secret, accounts, label)))
    if count_attempt(claim):
        return
    try:
        record_event(action, row, accounts=accounts, label=label, actor=actor)
    except Exception:
        undo_attempt(claim)
        raise


def record_exported(
    action: str,
    row: Model | None,
    *,
    changes: Changes | None = None,
    accounts: Sequence[int | None] | None = None,
    label: str = "",
) -> None:
    """Record that data was exported: the first exports of an hour each, later ones by their number."""
    actor = get_context().find_actor()
    counted = repr((action, identify_caller(actor), row and row.pk, accounts))
    record_repeatable(
        action, row, limit=EXPORTED, counted=counted, changes=changes, accounts=accounts, label=label, actor=actor
    )


def record_repeatable(
    action: str,
    row: Model | None,
    *,
    limit: RateLimit,
    counted: str,
    changes: Changes | None = None,
    accounts: Sequence[int | None] | None = None,
    label: str = "",
    actor: AuditActor | None = None,
) -> None:
    """Record an event of which there may be many. Those with the same `counted` are counted together, for an hour:
    the limit's maximum is recorded one by one, then the event at which their number has doubled, and so on.
    """
    count = count_event(limit, counted)
    if not is_recorded(count, limit.maximum):
        return
    times: Changes = {TIMES: (None, count)} if count > limit.maximum else {}
    record_event(action, row, changes={**(changes or {}), **times}, accounts=accounts, label=label, actor=actor)


def identify_caller(actor: AuditActor) -> tuple[object, ...]:
    """Identify who acts from which network: a stolen key that is used elsewhere is another caller."""
    return actor.type, actor.id, actor.label, get_rate_limit_key(get_context().address)


def is_recorded(count: int, singly: int) -> bool:
    """Whether the event with this number is recorded: up to `singly`, and at `singly` times 2, 4, 8 …"""
    return count <= singly or (count % singly == 0 and (count // singly).bit_count() == 1)
