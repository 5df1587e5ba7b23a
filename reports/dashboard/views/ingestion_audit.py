"""The ingestion audit (received = stored + rejected + duplicates), and the bots that were quarantined."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from reports.bots.summary import ReasonCount, count_by_kind, format_bot_reason, group_ai_crawlers
from reports.dashboard.fragments import QUERY_ERRORS, describe_error
from reports.dashboard.presenters.graph import format_bucket
from reports.dashboard.presenters.toolbar import build_toolbar
from reports.dashboard.report_page import site_page
from reports.dashboard.scope import Context
from reports.dashboard.state import ReportState
from reports.query.analyses.ingestion_audit import count_bot_reasons, fetch_audit, list_bots, sum_entries
from sites.selectors import may_on_site
from tracking.event import REASONS

MAX_ENTRIES = 500


def choose_step(state: ReportState) -> str:
    """Return whether the audit is by minute, hour or day."""
    days = (state.period.end - state.period.start) / timedelta(days=1)
    return "minute" if days <= 1.1 else "hour" if days <= 14 else "day"


def build_plain_toolbar(request: HttpRequest, state: ReportState) -> Context:
    """Return the toolbar's context without filters, segments and comparison, which do not apply to these pages."""
    return {**build_toolbar(request, state), "plain_toolbar": True}


@site_page
def ingestion_audit(request: HttpRequest, state: ReportState) -> HttpResponse:
    """Display received, stored, rejected and duplicate hits by minute, hour or day."""
    step = choose_step(state)
    context = {**build_plain_toolbar(request, state), "section": "ledger", "step": step}
    try:
        entries = fetch_audit(state.site.pk, state.period, step)[::-1]
    except QUERY_ERRORS as error:
        return render(request, "reports/ingestion_audit.html", {**context, "failed": describe_error(error)})
    total = sum_entries(entries)
    context |= {
        "entries": [
            (format_entry_time(step, entry.time, state), entry, sum(entry.rejected.values()))
            for entry in entries[:MAX_ENTRIES]
        ],
        "total": total,
        "rejected": sum(total.rejected.values()),
        "reasons": [ReasonCount(word, REASONS.get(word, word), hits) for word, hits in total.rejected.most_common()],
        "more": len(entries) > MAX_ENTRIES,
    }
    return render(request, "reports/ingestion_audit.html", context)


def format_entry_time(step: str, key: str, state: ReportState) -> str:
    """Format the time of an entry for the reader."""
    return format_bucket("hour" if step == "minute" else step, key, state.locale)


@site_page
def bots(request: HttpRequest, state: ReportState) -> HttpResponse:
    """Display what was quarantined as a bot, and why."""
    context = {**build_plain_toolbar(request, state), "section": "bots"}
    try:
        rows = list_bots(state.site.pk, state.period)
        reasons = count_bot_reasons(state.site.pk, state.period)
    except QUERY_ERRORS as error:
        return render(request, "reports/bots.html", {**context, "failed": describe_error(error)})
    context |= {
        "rows": [{**row, "words": format_bot_reason(row["reason"])} for row in rows],
        "reasons": count_by_kind(reasons),
        "ai_crawlers": group_ai_crawlers(reasons),
        "may_edit": may_on_site(request.user, state.site, "edit"),
    }
    return render(request, "reports/bots.html", context)
