"""Nothing disappears silently: what was received, stored and refused, and the bots that were set apart."""

from __future__ import annotations

from collections import Counter
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
from reports.pages.parts import TROUBLE, sentence
from reports.pages.segments import may_edit
from reports.pages.state import State
from tracking.hit import REASONS

MOST = 500
BOT_WORDS = {
    "signature": "Says that it is a bot", "form": "Has a name no browser has",
    "pattern": "Asks like a program", "behaviour": "Behaves like a program", "spam": "Referrer spam",
    "data_centre": "Comes from a data centre",
    "automation": "A driven browser", "by hand": "Set apart by hand",
    "ai_live": "Reads for an AI, as somebody asks it",
    "ai_search": "Reads for an AI, for its search", "ai_training": "Reads for an AI, to train it",
}  # fmt: skip
PURPOSES = {"ai_live": "Live retrieval", "ai_search": "Search index", "ai_training": "Training"}


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
    context |= {"rows": named, "reasons": by_kind(reasons), "readers": readers(reasons)}
    return render(request, "reports/bots.html", {**context, "may_edit": may_edit(request, state.site.pk)})


def by_kind(reasons: list[dict[str, Any]]) -> list[Reason]:
    """How many hits each kind of sign set apart, the most first."""
    hits: Counter[str] = Counter()
    for row in reasons:
        hits[kind_of(row["reason"])] += int(row["hits"])
    return [Reason(kind, bot_words(kind), count) for kind, count in hits.most_common()]


def readers(reasons: list[dict[str, Any]]) -> list[tuple[str, int, list[Reason]]]:
    """Crawlers of AI by purpose: (purpose in words, hits, crawlers), the purpose with the most hits first."""
    found: dict[str, list[Reason]] = {}
    for row in reasons:
        kind, _, name = str(row["reason"]).partition(": ")
        if kind in PURPOSES:
            found.setdefault(kind, []).append(Reason(row["reason"], name, int(row["hits"])))
    made = [(PURPOSES[kind], sum(one.hits for one in names), names) for kind, names in found.items()]
    return sorted(made, key=lambda purpose: -purpose[1])


def kind_of(reason: str) -> str:
    return str(reason).partition(":")[0]


def bot_words(reason: str) -> str:
    kind, _, detail = str(reason).partition(":")
    words = BOT_WORDS.get(kind, kind.replace("_", " ").capitalize())
    return f"{words}: {detail}" if detail else words
