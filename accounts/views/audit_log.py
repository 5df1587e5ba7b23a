"""The page of the audit log, of an account or of the installation, and the same as a CSV file."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.audit.filter_form import AuditFilterForm
from accounts.audit.models import AuditEntry
from accounts.audit.repetition import record_exported
from accounts.audit.selectors import find_entries, format_line, list_csv_rows, select_entries
from accounts.models import Account
from accounts.permissions import get_current_account
from accounts.settings_parts import build_account_navigation
from accounts.spreadsheets import BYTE_ORDER_MARK, format_csv

PAGE_ROWS = 50
MAX_CSV_ROWS = 50_000
MAX_ID_DIGITS = 18


@login_required
@never_cache
@require_safe
def show_audit_log(request: HttpRequest) -> HttpResponse:
    """Show who did what in the account, to those who manage it."""
    account = get_current_account(request, may="manage")
    return render_audit_log(request, account, current="audit-log")


def render_audit_log(request: HttpRequest, account: Account | None, current: str) -> HttpResponse:
    """Render the log of an account, or of the installation; `?format=csv` is the same as a file."""
    form = AuditFilterForm(request.GET)
    zone = ZoneInfo(account.timezone if account else "UTC")
    entries = find_entries(select_entries(account.pk if account else None), form.build_query(), zone)
    if request.GET.get("format") == "csv":
        return export_entries(entries, account)
    rows = list(select_before(entries, request.GET.get("before", ""))[: PAGE_ROWS + 1])
    query = request.GET.copy()
    query.pop("before", None)
    context = {
        "account": account,
        "form": form,
        "is_filtered": any(form.data.get(name) for name in form.fields),
        "lines": [format_line(entry, zone) for entry in rows[:PAGE_ROWS]],
        "filter_query": query.urlencode(),
        "before": rows[PAGE_ROWS - 1].pk if len(rows) > PAGE_ROWS else None,
        "is_later_page": "before" in request.GET,
        "zone": str(zone),
        "settings_nav": build_account_navigation(request, current),
        "section": "settings",
    }
    return render(request, "accounts/audit_log.html", context)


def select_before(entries: QuerySet[AuditEntry], number: str) -> QuerySet[AuditEntry]:
    """Select the entries before this one; all of them for a text that is no number."""
    is_number = number.isascii() and number.isdigit() and len(number) <= MAX_ID_DIGITS
    return entries.filter(pk__lt=int(number)) if is_number else entries


def export_entries(entries: QuerySet[AuditEntry], account: Account | None) -> HttpResponse:
    """Return the latest MAX_CSV_ROWS entries as a CSV file, which is itself an action."""
    rows = list(entries[:MAX_CSV_ROWS])
    changes = {"entries": (None, len(rows))}
    record_exported("audit_log.exported", account, changes=changes, accounts=[account.pk if account else None])
    text = BYTE_ORDER_MARK + format_csv(list_csv_rows(rows))
    response = HttpResponse(text, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="audit-log.csv"'
    return response
