"""What can be exported of an account itself: its audit log and its members."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.http import QueryDict

from accounts.audit.filter_form import AuditFilterForm
from accounts.audit.selectors import find_entries, list_csv_rows, select_entries
from accounts.exports.registry import ExportKind, ExportRequest, Row
from accounts.models import Area
from accounts.permissions import membership_may
from accounts.selectors import list_members

MEMBER_COLUMNS = ("id", "email", "name", "role", "grants", "created")
MAX_AUDIT_ROWS = 50_000


def check_manages(request: ExportRequest) -> None:
    """Raise ValidationError unless the caller manages the account."""
    if not membership_may(request.membership, "manage"):
        raise ValidationError({"kind": "Only those who manage the account can export this."})


def check_audit_log(request: ExportRequest) -> None:
    """Raise ValidationError for a caller who may not read the log, and for filters that it does not have."""
    check_manages(request)
    form = AuditFilterForm(QueryDict(request.query))
    unknown = sorted(set(QueryDict(request.query)) - set(form.fields))
    if unknown or not form.is_valid():
        names = unknown or sorted(form.errors)
        raise ValidationError({"query": f"Not a filter of the audit log: {', '.join(names)}."})


def read_audit_log(request: ExportRequest) -> Iterable[Row]:
    """Yield the entries, the latest first, with their headings."""
    account = request.membership.account
    filters = AuditFilterForm(QueryDict(request.query)).build_query()
    entries = find_entries(select_entries(account.pk), filters, ZoneInfo(account.timezone))
    yield from list_csv_rows(entries[: MAX_AUDIT_ROWS + 1].iterator())


def read_members(request: ExportRequest) -> Iterator[Row]:
    """Yield the accepted members with what was granted to them."""
    yield MEMBER_COLUMNS
    for member in list_members(request.membership.account):
        grants = ", ".join(f"{grant.kind} {grant.object_id} {grant.right}" for grant in member.grants.all())
        yield member.pk, member.user.email, member.display_name, member.role, grants, member.created.isoformat()


ACCOUNT_EXPORTS = (
    ExportKind(
        name="audit_log",
        label="Audit log",
        area=Area.ACCOUNT,
        check=check_audit_log,
        read=read_audit_log,
        uses=frozenset({"query"}),
        max_rows=MAX_AUDIT_ROWS,
    ),
    ExportKind(name="members", label="Members", area=Area.ACCOUNT, check=check_manages, read=read_members),
)
