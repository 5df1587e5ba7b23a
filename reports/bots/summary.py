"""What was quarantined as a bot, in words: reasons by kind, and the AI crawlers by purpose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from reports.query.analyses.ingestion_audit import ReasonHits

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
    """How many hits have a reason."""

    code: str
    label: str
    hits: int


def count_by_kind(reasons: Iterable[ReasonHits]) -> list[ReasonCount]:
    """Return the hits by kind of reason, the most frequent first."""
    hits: Counter[str] = Counter()
    for row in reasons:
        hits[str(row["reason"]).partition(":")[0]] += int(row["hits"])
    return [ReasonCount(kind, format_bot_reason(kind), count) for kind, count in hits.most_common()]


def group_ai_crawlers(reasons: Iterable[ReasonHits]) -> list[tuple[str, int, list[ReasonCount]]]:
    """Return (purpose, hits, crawlers) of the AI crawlers, the purpose with the most hits first."""
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
    kind, _, detail = str(reason).partition(": ")
    words = BOT_LABELS.get(kind, kind.replace("_", " ").capitalize())
    return f"{words}: {detail}" if detail else words
