"""Writes of exports: a person asks for one, a task writes the file, another deletes it after some days."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from itertools import takewhile

from django.core.exceptions import ValidationError
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F, Q
from django.utils import timezone as clock

from accounts.account_limits import check_limit
from accounts.audit.recording import record_action
from accounts.audit.subjects import AuditSubject
from accounts.clients.rules import find_stored_membership
from accounts.exports.files import WrittenFile, delete_file, delete_files_except, write_csv_file
from accounts.exports.models import RETENTION, Export, ExportState
from accounts.exports.registry import EXPORT_KINDS, ExportRequest, is_outage
from accounts.exports.selectors import find_membership_of
from accounts.notices.kinds import EXPORT_ENDED, EXPORT_FAILED, NoticeValues
from accounts.notices.services import notify
from accounts.run_each import run_each
from accounts.selectors import rank_by_account
from accounts.services import account_lock

log = logging.getLogger(__name__)
AUDIT_SUBJECT = AuditSubject(
    name="export",
    label="Export",
    account="account_id",
    verbs=("created", "deleted", "downloaded"),
    shown=frozenset({"kind", "parameters", "rows"}),
    ignored=frozenset({
        "state", "attempts", "size", "is_complete", "error", "file", "created", "started", "finished", "membership_id",
    }),
)  # fmt: skip
MAX_ATTEMPTS = 3
CLAIM = timedelta(minutes=15)  # after which a claimed export is due again: its worker died
PAUSE = timedelta(minutes=1)  # before an export is tried again after an outage
MAX_IN_RUN, RUN_SECONDS = 20, 60.0
ENDED_ACCESS = "The person who asked for it may no longer read this table."
FAILED = "It could not be written. Ask for it again, or ask whoever runs this installation."


@transaction.atomic
def export_create(*, kind: str, request: ExportRequest) -> Export:
    """Ask for an export; a task writes the file. Raises ValidationError, and above the limit of kept exports."""
    if kind not in EXPORT_KINDS:
        raise ValidationError({"kind": f"There is no such kind. Known: {', '.join(sorted(EXPORT_KINDS))}."})
    EXPORT_KINDS[kind].check_parameters(request)
    account = request.membership.account
    account_lock(account)
    used = Export.objects.filter(account=account).count()
    check_limit(account, "exports", used=used, field="kind", what="exports, which are kept for seven days")
    export = Export.objects.create(
        account=account,
        membership=find_stored_membership(request.membership),
        kind=kind,
        parameters=extract_parameters(request),
        created=request.now,
    )
    record_action("export.created", export)
    return export


def extract_parameters(request: ExportRequest) -> dict[str, str | int]:
    """Return the parameters that were given, as they are stored."""
    given = {"site": request.site, "table": request.table, "query": request.query}
    return {name: value for name, value in given.items() if value}


@transaction.atomic
def export_delete(*, export: Export) -> None:
    """Delete an export with its file."""
    record_action("export.deleted", export)
    name = export.file
    export.delete()
    transaction.on_commit(lambda: delete_file(name))


# -- writing ------------------------------------------------------------------------------------------------------


def exports_write(*, now: datetime) -> int:
    """Write the exports that wait, of each account in turn; return how many ended. Safe to run twice at once."""

    def write(export: Export) -> bool:
        return export_claim(export=export, now=now) and export_write(export=export)

    last = clock.now() + timedelta(seconds=RUN_SECONDS)
    due = takewhile(lambda _: clock.now() <= last, list_due(now))
    return sum(run_each(due, write, what="Export"))


def list_due(now: datetime) -> list[Export]:
    """List MAX_IN_RUN exports that wait or whose worker has died; every account's first one comes first."""
    waiting = Q(state=ExportState.WAITING) & (Q(started=None) | Q(started__lte=now - PAUSE))
    lost = Q(state=ExportState.RUNNING, started__lte=now - CLAIM)
    rows = Export.objects.filter(waiting | lost, account__suspended=None)
    ranked = rank_by_account(rows, "account_id", "created")
    return list(ranked.select_related("account", "membership__user", "membership__account__sso")[:MAX_IN_RUN])


def export_claim(*, export: Export, now: datetime) -> bool:
    """Claim an export by compare-and-swap; return False if another worker has it or it has failed too often."""
    unclaimed = Export.objects.filter(pk=export.pk, state=export.state, started=export.started)
    if export.attempts >= MAX_ATTEMPTS:
        export_fail(export=export, error=FAILED)
        return False
    return bool(unclaimed.update(state=ExportState.RUNNING, started=now, attempts=F("attempts") + 1))


def export_write(*, export: Export) -> bool:
    """Write the file of a claimed export; return whether the export has ended. One that cannot be read fails."""
    membership = find_membership_of(export)
    if membership is None:
        export_fail(export=export, error=ENDED_ACCESS)
        return True
    kind = EXPORT_KINDS.get(export.kind)
    try:
        request = ExportRequest(membership=membership, now=export.created, **export.parameters)
        if kind is None:
            raise ValidationError("There is no such kind any more.")
        kind.check_parameters(request)
        written = write_csv_file(kind.read(request), kind.max_rows)
    except ValidationError as error:
        export_fail(export=export, error=" ".join(error.messages))
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        if is_outage(error):
            log.warning("Export %s is tried again later: %s", export.pk, type(error).__name__)
            Export.objects.filter(pk=export.pk).update(state=ExportState.WAITING, attempts=F("attempts") - 1)
            return False
        log.exception("Export %s failed", export.pk)
        export_fail(export=export, error=FAILED)
    else:
        export_finish(export=export, written=written)
    return True


def export_finish(*, export: Export, written: WrittenFile) -> None:
    """Store that the file is there, and tell the person. A file whose export was deleted meanwhile is deleted too."""
    done = Export.objects.filter(pk=export.pk).update(
        state=ExportState.DONE, finished=clock.now(), file=written.name, rows=written.rows, size=written.size,
        is_complete=written.is_complete, error="",
    )  # fmt: skip
    if not done:
        delete_file(written.name)
    elif export.membership:
        values: NoticeValues = {"export": EXPORT_KINDS[export.kind].label, "rows": written.rows}
        notify(EXPORT_ENDED, values, account=export.account, person=export.membership.user, key=str(export.pk))


def export_fail(*, export: Export, error: str) -> None:
    """Store why there will be no file, and tell the person."""
    unfinished = Export.objects.filter(pk=export.pk).exclude(state__in=(ExportState.DONE, ExportState.FAILED))
    if not unfinished.update(state=ExportState.FAILED, finished=clock.now(), error=error[:300]):
        return
    if export.membership:
        kind = EXPORT_KINDS.get(export.kind)
        values = {"export": kind.label if kind else export.kind, "error": error}
        notify(EXPORT_FAILED, values, account=export.account, person=export.membership.user, key=str(export.pk))


def exports_clear(*, now: datetime) -> int:
    """Delete the exports that are older than RETENTION, and files that no export has any more; return how many rows."""
    expired = Export.objects.filter(created__lt=now - RETENTION)
    rows = list(expired.order_by("pk"))
    deleted = expired.delete()[0]
    run_each(rows, lambda export: delete_file(export.file), what="Deleting the file of export")
    kept = set(Export.objects.exclude(file="").values_list("file", flat=True))
    delete_files_except(kept, (now - CLAIM).timestamp())
    return deleted
