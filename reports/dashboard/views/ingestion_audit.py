"""The ingestion audit (received = stored + rejected + duplicates), and the bots that were quarantined."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from reports.dashboard.fragments import QUERY_ERRORS, describe_error
from reports.dashboard.presenters.graph import format_bucket
from reports.dashboard.presenters.toolbar import build_toolbar
from reports.dashboard.report_page import site_page
from reports.dashboard.scope import Context
from reports.dashboard.state import ReportState
from reports.query.analyses.ingestion_audit import ReasonHits, count_bot_reasons, fetch_audit, list_bots, sum_entries
from sites.selectors import may_on_site
from tracking.event import REASONS

MAX_ENTRIES = 500
BOT_LABELS = {
    "signature": "Says that it is a bot", "form": "User agent is not that of a browser",
    "pattern": "Headers are not those of a browser", "behaviour": "Behaves like a program", "spam": "Referrer spam",
    "data_centre": "Comes from a data centre",
    "automation": "Automated browser", "by hand": "Quarantined by hand",
    "ai_live": "AI, live retrieval",
    "ai_search": "AI, search index", "ai_training": "AI, training",
}  # fmt: skip
AI_PURPOSES = {"ai_live": "Live retrieval", "ai_search": "Search index", "ai_training": "Training"}


@dataclass(frozen=True)
class ReasonCount:
    """How many hits have a reason; `word` is its code, `words` its label."""

    word: str
    words: str
    hits: int


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


def count_by_kind(reasons: list[ReasonHits]) -> list[ReasonCount]:
    """Return the hits by kind of reason, the most frequent first."""
    hits: Counter[str] = Counter()
    for row in reasons:
        hits[str(row["reason"]).partition(":")[0]] += int(row["hits"])
    return [ReasonCount(kind, format_bot_reason(kind), count) for kind, count in hits.most_common()]


def group_ai_crawlers(reasons: list[ReasonHits]) -> list[tuple[str, int, list[ReasonCount]]]:
    """Return (purpose, hits, crawlers) of the crawlers of AI, the purpose with the most hits first."""
    by_purpose: dict[str, list[ReasonCount]] = {}
    for row in reasons:
        kind, _, name = str(row["reason"]).partition(": ")
        if kind in AI_PURPOSES:
            by_purpose.setdefault(kind, []).append(ReasonCount(row["reason"], name, int(row["hits"])))
    groups = [
        (AI_PURPOSES[kind], sum(crawler.hits for crawler in crawlers), crawlers)
        for kind, crawlers in by_purpose.items()
    ]
    return sorted(groups, key=lambda group: -group[1])


def format_bot_reason(reason: str) -> str:
    """Return the reason of a bot in words, such as "Says that it is a bot: Googlebot"."""
    kind, _, detail = str(reason).partition(":")
    words = BOT_LABELS.get(kind, kind.replace("_", " ").capitalize())
    return f"{words}: {detail}" if detail else words
