"""The page on which owners and administrators see what the account has used of its plan."""

from __future__ import annotations

from datetime import date, datetime

from dateutil.relativedelta import relativedelta
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone as clock
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.permissions import get_current_account
from accounts.plans.months import find_first_day, parse_month
from accounts.settings_parts import build_account_navigation
from reports.usage.day_chart import draw_days
from reports.usage.report import build_report

MAX_SITES = 500  # on the page; files and the API have all


@login_required
@never_cache
@require_safe
def show_usage(request: HttpRequest) -> HttpResponse:
    """Show the use of the running month, or of an earlier one (`?month=2026-03`)."""
    account, now = get_current_account(request, may="manage"), clock.now()
    report = build_report(account, choose_month(request, now), now)
    following = report.first + relativedelta(months=1)
    context = {
        "report": report,
        "plan": account.plan,
        "uses": [
            (report.use.events, report.event_forecast),
            (report.use.calls, report.call_forecast),
        ],
        "sites": report.sites[:MAX_SITES],
        "is_cut": len(report.sites) > MAX_SITES,
        "max_sites": MAX_SITES,
        "charts": [
            ("Events by day", draw_days([(row.day, row.events) for row in report.days])),
            ("API calls by day", draw_days([(row.day, row.calls) for row in report.days])),
        ],
        "earlier": report.first - relativedelta(months=1),
        "later": None if report.is_current else following,
        "settings_nav": build_account_navigation(request, "usage"),
        "section": "settings",
    }
    return render(request, "usage/usage.html", context)


def choose_month(request: HttpRequest, now: datetime) -> date:
    """Return the first day of the month in the address, or of the running one. Raises Http404 for one that is not."""
    text = request.GET.get("month", "")
    if not text:
        return find_first_day(now)
    try:
        first = parse_month(text)
    except ValueError as error:
        raise Http404("A month is written as 2026-03.") from error
    if first > find_first_day(now):
        raise Http404("This month has not begun.")
    return first
