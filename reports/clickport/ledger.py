"""`GET /api/ledger`: what became of every hit, as an API. Not one of Clickport's own."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import QueryDict

from reports.clickport.breakdowns import period_of
from reports.engine.ledger import ledger, total


def ledger_body(site_id: int, given: QueryDict, now: datetime) -> dict[str, Any]:
    """`{"results": [per bucket], "totals": …}`. Raises QueryRefused."""
    entries = ledger(site_id, period_of(given, now), given.get("interval") or "day")
    whole = total(entries).plain()
    del whole["time"]
    return {"results": [entry.plain() for entry in entries], "totals": whole}
