"""The inbox: a person's notices, and what they choose to be told of."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from accounts.notices.models import Notice
from accounts.notices.selectors import format_notice, list_choices, select_notices
from accounts.notices.services import RETENTION, notice_choices_set, notices_mark
from accounts.permissions import switch_account
from accounts.settings_parts import build_account_navigation

PAGE_ROWS = 50
MAX_ID_DIGITS = 18


def get_user(request: HttpRequest) -> User:
    """Return who is logged in; the views are for nobody else."""
    assert isinstance(request.user, User)
    return request.user


def get_notice_or_404(request: HttpRequest, notice_id: int) -> Notice:
    """Fetch one of the person's own notices. Raises Http404."""
    notice = select_notices(get_user(request)).filter(pk=notice_id).select_related("account").first()
    if notice is None:
        raise Http404("No such notice.")
    return notice


@login_required
@never_cache
@require_safe
def list_notices(request: HttpRequest) -> HttpResponse:
    """List the person's notices, the latest first; `?unread=1` only those that are not read yet."""
    rows = select_notices(get_user(request)).select_related("account").order_by("-pk")
    is_unread_only = request.GET.get("unread") == "1"
    if is_unread_only:
        rows = rows.filter(read=None)
    page = list(select_before(rows, request.GET.get("before", ""))[: PAGE_ROWS + 1])
    context = {
        "lines": [format_notice(notice) for notice in page[:PAGE_ROWS]],
        "before": page[PAGE_ROWS - 1].pk if len(page) > PAGE_ROWS else None,
        "is_later_page": "before" in request.GET,
        "is_unread_only": is_unread_only,
        "days": RETENTION.days,
        "settings_nav": build_account_navigation(request, "notices"),
        "section": "settings",
    }
    return render(request, "accounts/notices.html", context)


def select_before(rows: QuerySet[Notice], number: str) -> QuerySet[Notice]:
    """Select the notices before this one; all of them for a text that is no number."""
    is_number = number.isascii() and number.isdigit() and len(number) <= MAX_ID_DIGITS
    return rows.filter(pk__lt=int(number)) if is_number else rows


@login_required
@require_POST
def open_notice(request: HttpRequest, notice_id: int) -> HttpResponse:
    """Mark a notice as read, and go to the page that it leads to, in the account that it is about."""
    notice = get_notice_or_404(request, notice_id)
    notices_mark(notices=Notice.objects.filter(pk=notice.pk))
    if notice.account is not None:
        switch_account(request, notice.account)
    return redirect(format_notice(notice).path or "accounts:notices")


@login_required
@require_POST
def mark_notice(request: HttpRequest, notice_id: int) -> HttpResponse:
    """Mark a notice as read; answer the line and the header's count for htmx, else go back to the inbox."""
    notice = get_notice_or_404(request, notice_id)
    notices_mark(notices=Notice.objects.filter(pk=notice.pk))
    if not request.headers.get("HX-Request"):
        return redirect("accounts:notices")
    notice.refresh_from_db(fields=["read"])
    return render(request, "accounts/_notice.html", {"line": format_notice(notice), "swaps_count": True})


@login_required
@require_POST
def mark_all_notices(request: HttpRequest) -> HttpResponse:
    """Mark all of the person's notices as read."""
    notices_mark(notices=select_notices(get_user(request)))
    return redirect("accounts:notices")


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def choose_notices(request: HttpRequest) -> HttpResponse:
    """Choose for each kind of notice: inbox, inbox and e-mail, or not at all."""
    user = get_user(request)
    choices = list_choices(user)
    if request.method == "POST":
        chosen = {row.kind.name: request.POST[row.kind.name] for row in choices if row.kind.name in request.POST}
        valid = {row.kind.name: chosen[row.kind.name] for row in choices if chosen.get(row.kind.name) in row.kind.ways}
        notice_choices_set(user=user, ways=valid)
        messages.success(request, "Saved.")
        return redirect("accounts:notice-choices")
    context = {
        "choices": choices,
        "settings_nav": build_account_navigation(request, "notices"),
        "section": "settings",
    }
    return render(request, "accounts/notice_choices.html", context)
