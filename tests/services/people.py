"""Three hundred people on a site: python -m tests.services.people WORD …, the last one's result as JSON.

`visit` lets each see two pages and `return` a third one in the same visit; `count` asks how many there were; `erase`
deletes the visits from one country; `meta` asks once more and says what is missing. `skip` begins without migrating,
`away` also writes what a shard that is away cannot take, and `waiting` stores that.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from datetime import timedelta

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django

django.setup()

from config import health  # noqa: E402
from reports.query import Period, Query  # noqa: E402
from reports.query import ask as answer  # noqa: E402
from reports.query.budgets import limit_queries  # noqa: E402
from tests.support import NOW, ask, event, visit  # noqa: E402
from tracking import spool, store  # noqa: E402
from tracking.store import client  # noqa: E402
from tracking.store.migrate import list_hosts  # noqa: E402

SITE = 4_000_001
PEOPLE = 300
METRICS = ("visitors", "visits", "views", "bounce_rate", "new_visitors")
BEFORE = NOW - timedelta(days=40)  # half of the people were there in an earlier month, too


def main() -> None:
    result: object = None
    if not {"away", "skip"} & set(sys.argv):
        store.migrate()
    for word in sys.argv[1:]:
        if word == "skip":
            continue
        if word in ("away", "waiting"):
            wait_for_store(word)
            continue
        if word in ("visit", "return"):
            write(word)
        elif word == "meta":
            result = describe_report()
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


def describe_report() -> dict[str, object]:
    """What a page shows, which nodes are silent, and what a periodic task gets that asks the same."""
    query = Query(sites=(SITE,), period=Period.parse("today", "UTC", NOW), metrics=("views",))
    with limit_queries() as request:
        result = answer(query, now=NOW, cache=False)
    with limit_queries() as other_request:
        pass
    try:
        task = str(answer(query, now=NOW, cache=False).rows[0]["views"])
    except store.StoreError as error:
        task = type(error).__name__
    silent = [host.port for host in client.check_hosts(list_hosts())]
    return {
        "views": result.rows[0]["views"],
        "incomplete": result.meta.incomplete,
        "request": request.incomplete,
        "other_request": other_request.incomplete,
        "silent": silent,
        "health": health.check_store(),
        "task": task,
    }


def wait_for_store(word: str) -> None:
    """Write into the spool what a shard that is away cannot take ("away", once), or wait until it is stored."""
    spool.start()
    if word == "away":
        if not spool.health()["depth"]:
            write_events("return")
        with suppress(store.StoreError):
            spool.flush()
        assert spool.health()["depth"] > 0
        return
    spool.flush()
    assert spool.health()["depth"] == 0


def write(word: str) -> None:
    """Store the visits, or one more page of each."""
    spool.start()
    write_events(word)
    spool.flush()


def write_events(word: str) -> None:
    """Write the events into the spool."""
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


if __name__ == "__main__":
    main()
