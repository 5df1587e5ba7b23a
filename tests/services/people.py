"""Three hundred people on a site: python -m tests.services.people WORD …, the last one's result as JSON.

`visit` lets each see two pages and `return` a third one in the same visit; `count` asks how many there were; `erase`
deletes the visits from one country. Each is done like in a process that was started anew.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import timedelta

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django

django.setup()

from tests.support import NOW, ask, event, visit  # noqa: E402
from tracking import spool, store  # noqa: E402

SITE = 4_000_001
PEOPLE = 300
METRICS = ("visitors", "visits", "views", "bounce_rate", "new_visitors")
BEFORE = NOW - timedelta(days=40)  # half of the people were there in an earlier month, too


def main() -> None:
    result: object = None
    store.migrate()
    for word in sys.argv[1:]:
        if word in ("visit", "return"):
            write(word)
        elif word == "erase":
            result = store.erase_events(store.Selection(SITE, {"country": ["EE"]}))
        else:
            result = {
                "now": ask(SITE, *METRICS),
                "long": ask(SITE, *METRICS, period="90d"),
                "pages": sorted(map(str, ask(SITE, "visitors", "visits", by="page", period="90d"))),
                "weeks": sorted(map(str, ask(SITE, "visitors", "new_visitors", by="week", period="90d"))),
            }
    spool.stop()
    store.close()
    print(json.dumps(result))


def write(word: str) -> None:
    """Store the visits, or one more page of each."""
    spool.start()
    for number in range(PEOPLE):
        country = "EE" if number % 10 == 0 else "DE"
        if word == "return":
            first = visit(SITE, "/a", at=NOW, visitor=number)[0]
            later = NOW + timedelta(minutes=3)
            spool.write_event(
                event(SITE, "/c", at=later, visitor=number, visit=first["visit"], visit_start=NOW, country=country)
            )
            continue
        earlier = visit(SITE, "/old", at=BEFORE, visitor=number, country=country) if number % 2 else []
        for each in (*earlier, *visit(SITE, "/a", "/b", at=NOW, visitor=number, country=country)):
            spool.write_event(each)
    spool.flush()


if __name__ == "__main__":
    main()
