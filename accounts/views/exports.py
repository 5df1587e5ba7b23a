"""The page of a person's exports, and the link by which a file is downloaded."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.text import get_valid_filename
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.audit.repetition import record_exported
from accounts.exports.files import find_file, stream_file
from accounts.exports.models import RETENTION, Export
from accounts.exports.registry import EXPORT_KINDS
from accounts.exports.selectors import build_download_path, find_by_link, is_readable, select_exports
from accounts.exports.services import export_delete
from accounts.permissions import get_current_membership
from accounts.settings_parts import build_account_navigation

PAGE_ROWS = 100


@login_required
@never_cache
@require_safe
def list_exports(request: HttpRequest) -> HttpResponse:
    """List the exports of the person in the account they work in, the latest first."""
    membership = get_current_membership(request)
    rows = select_exports(membership).order_by("-pk")[:PAGE_ROWS]
    context = {
        "account": membership.account,
        "exports": [
            (export, describe_export(export), build_download_path(export) if is_readable(export) else "")
            for export in rows
        ],
        "days": RETENTION.days,
        "settings_nav": build_account_navigation(request, "exports"),
        "section": "settings",
    }
    return render(request, "accounts/exports.html", context)


def describe_export(export: Export) -> str:
    """Describe what an export is of."""
    kind = EXPORT_KINDS.get(export.kind)
    details = [str(export.parameters[name]) for name in ("site", "table", "query") if name in export.parameters]
    return " · ".join([kind.label if kind else export.kind, *details])


@login_required
@require_POST
def delete_export(request: HttpRequest, export_id: int) -> HttpResponse:
    """Delete one of the person's exports with its file."""
    export = select_exports(get_current_membership(request)).filter(pk=export_id).first()
    if export is None:
        raise Http404("No such export.")
    export_delete(export=export)
    messages.success(request, "The export was deleted.")
    return redirect("accounts:exports")


@never_cache
@require_safe
def download_export(request: HttpRequest, token: str) -> StreamingHttpResponse:
    """Send the file of a signed link, as long as the person for whom it was written may read what is in it.

    Whoever has the link downloads: the audit log names who is logged in, not the person for whom it was written.
    """
    export = find_by_link(token)
    path = find_file(export.file) if export is not None and is_readable(export) else None
    if export is None or path is None:
        raise Http404("This link has expired, or the export was deleted.")
    if request.method == "GET":
        record_exported("export.downloaded", export, changes={"rows": (None, export.rows)})
    response = StreamingHttpResponse(stream_file(path), content_type="text/csv; charset=utf-8")
    name = get_valid_filename(f"{export.kind}-{export.created:%Y-%m-%d}-{export.pk}.csv")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Length"] = str(export.size)
    return response
