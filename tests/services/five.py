"""Ten thousand events through the spool, then five queries: python -m tests.services.five, results as JSON.

The environment (DATA_DIR, EVENTS_URL) selects the event store, so runs on different stores can be compared.
"""

from __future__ import annotations

import json
import os
import random
from datetime import timedelta
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django

django.setup()

from tests.support import NOW, ask, visit  # noqa: E402
from tracking import spool, store  # noqa: E402

SITE = 4_000_000
EVENTS = 10_000
PAGES = [f"/page/{number}" for number in range(40)]
COUNTRIES = ["EE", "DE", "FR", "GB", "US", "JP", ""]
QUESTIONS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "totals": (("visitors", "visits", "views", "bounce_rate", "avg_duration", "new_visitors"), {}),
    "pages": (("visitors",), {"by": "page", "limit": 100}),
    "entries": (("visits", "bounce_rate"), {"by": "entry_page", "limit": 100}),
    "countries": (("visitors",), {"by": "country", "limit": 100}),
    "days of a page": (
        ("visitors",), {"by": "day", "where": {"dimension": "page", "operator": "is", "value": ["/page/3"]}},
    ),
}  # fmt: skip


def fill() -> int:
    """Spool visits of 1 to 6 pages over 20 days, some devices again, some in two months; how many events."""
    chance, written = random.Random(7), 0
    while written < EVENTS:
        at = NOW - timedelta(days=20 * chance.random())
        pages = chance.choices(PAGES, k=chance.randint(1, 6))
        device = chance.randint(1, 2_500)
        events = visit(SITE, *pages, at=at, visitor=device, country=COUNTRIES[device % 7], step=timedelta(seconds=19))
        for event in events:
            spool.write_event(event)
        written += len(events)
        if chance.random() < 0.01:
            spool.flush()
    spool.flush()
    return written


def main() -> None:
    store.migrate()
    store.truncate()
    found = {"written": fill(), "stored": store.rows("SELECT count() AS n FROM events")[0]["n"]}
    for name, (metrics, more) in QUESTIONS.items():
        answer = ask(SITE, *metrics, period="30d", **more)
        found[name] = sorted(map(str, answer.items() if isinstance(answer, dict) else answer))
    found["again"] = store.erase_events(store.Selection(SITE, {"country": ["EE"]})) > 0
    found["after an erasure"] = str(ask(SITE, "visitors", "visits", "views", period="30d"))
    spool.stop()
    store.close()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
