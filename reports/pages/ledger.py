"""Nothing disappears silently: what was received, stored and refused, and the bots that were set apart."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from reports.engine import apart
from reports.engine.ledger import ledger as read_ledger
from reports.engine.ledger import total as summed
from reports.pages.frame import bar, site_page
from reports.pages.graph import bucket_label
from reports.pages.sheet import TROUBLE, sentence
from reports.pages.state import State
from tracking.hit import REASONS

MOST = 500
BOT_WORDS = {
    "signature": "Says that it is a bot", "ua": "Says that it is a bot", "pattern": "Asks like a program",
    "behaviour": "Behaves like a program",
    "data_centre": "Comes from a data centre", "datacenter": "Comes from a data centre",
    "ai_crawler": "Reads for an AI", "automation": "A driven browser", "webdriver": "A driven browser",
}  # fmt: skip


@dataclass(frozen=True)
class Reason:
    word: str
    words: str
    hits: int


def step_of(state: State) -> str:
    days = (state.period.end - state.period.start) / timedelta(days=1)
    return "minute" if days <= 1.1 else "hour" if days <= 14 else "day"


def of_whole_site(context: dict[str, Any]) -> dict[str, Any]:
    """The bar without what does not narrow these pages."""
    return {**context, "plain_bar": True}


@site_page
def ledger(request: HttpRequest, state: State) -> HttpResponse:
    """received = stored + refused + duplicates, by minute, hour or day."""
    step = step_of(state)
    context = {**of_whole_site(bar(request, state)), "section": "ledger", "step": step}
    try:
        entries = read_ledger(state.site.pk, state.period, step)[::-1]
    except TROUBLE as error:
        return render(request, "reports/ledger.html", {**context, "failed": sentence(error)})
    total = summed(entries)
    reasons = [Reason(word, REASONS.get(word, word), hits) for word, hits in total.refused.most_common()]
    named = [(bucket_name(step, one.time, state), one, sum(one.refused.values())) for one in entries[:MOST]]
    return render(
        request,
        "reports/ledger.html",
        {
            **context,
            "entries": named,
            "total": total,
            "refusals": sum(total.refused.values()),
            "reasons": reasons,
            "more": len(entries) > MOST,
        },
    )


def bucket_name(step: str, key: str, state: State) -> str:
    """The entry's time in the reader's form."""
    return bucket_label("hour" if step == "minute" else step, key, state.locale)


@site_page
def bots(request: HttpRequest, state: State) -> HttpResponse:
    """Who was set apart as a bot, and why."""
    context = {**of_whole_site(bar(request, state)), "section": "bots"}
    try:
        rows = apart.bots(state.site.pk, state.period)
        reasons = apart.bot_reasons(state.site.pk, state.period)
    except TROUBLE as error:
        return render(request, "reports/bots.html", {**context, "failed": sentence(error)})
    named = [{**row, "words": bot_words(row["reason"])} for row in rows]
    told = [Reason(row["reason"], bot_words(row["reason"]), int(row["hits"])) for row in reasons]
    return render(request, "reports/bots.html", {**context, "rows": named, "reasons": told})


def bot_words(reason: str) -> str:
    kind, _, detail = str(reason).partition(":")
    words = BOT_WORDS.get(kind, kind.replace("_", " ").capitalize())
    return f"{words}: {detail}" if detail else words
