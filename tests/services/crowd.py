"""One of several processes that do the same at the same moment: python -m tests.services.crowd

It prints "ready"; for each line it reads, the name of a job, it does that job with the Redis of REDIS_URL and answers
with a line of JSON.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django

django.setup()

from accounts.security import rate_limits  # noqa: E402
from links.models import Mode  # noqa: E402
from links.redirect.click_deduplication import build_unique_question  # noqa: E402
from tests.support import state  # noqa: E402
from tests.support.hits import NOW, build_site_config, process_hit  # noqa: E402
from tracking.state.deduplication import create_sender_id  # noqa: E402
from tracking.state.questions import JoinVisit, TakeNumber  # noqa: E402
from tracking.state.visits import OpenVisit  # noqa: E402

ROUNDS = 200


def turns() -> list[int]:
    """The numbers this process was given."""
    return [state.current().ask(TakeNumber(1)) for _ in range(ROUNDS)]


def rotated() -> list[str]:
    """Where a rotator of three sent this process's clicks, with a cap of a hundred clicks for all."""
    from links.routing.engine import ClickContext, route_click
    from tests.support.links import build_snapshot

    row = build_snapshot(
        pk=2, mode=Mode.SEQUENTIAL, rules={"sequential": [f"https://{name}.test/" for name in "abc"]},
        expiration_clicks=100, url_after_clicks="https://after.test/",
    )  # fmt: skip
    numbers = (state.current().ask(TakeNumber(row.link_id)) for _ in range(ROUNDS))

    def route(number: int) -> str:
        return route_click(row, ClickContext(NOW, click_number=lambda _: number), lambda host, path: None).url

    return [route(number) for number in numbers]


def uniques() -> list[bool | None]:
    """Whether this process's click of each address was the first; then again when half an hour is over."""
    moments = (NOW, NOW + timedelta(seconds=1799), NOW + timedelta(seconds=1800))
    return [
        state.current().ask(build_unique_question(3, (number,), at.timestamp()))
        for at in moments
        for number in range(1, ROUNDS)
    ]


def limited() -> int:
    """How many requests were allowed by a limit of a hundred a minute."""
    limit = rate_limits.RateLimit("crowd-requests", 100, 60)
    return sum(rate_limits.count_request(limit, "203.0.113.7", NOW).retry_after == 0 for _ in range(ROUNDS))


def guesses() -> int:
    """How many attempts were let through by a limit of fifty."""
    limit = rate_limits.RateLimit("crowd", 50, 600)
    return sum(rate_limits.count_attempt((limit, "somebody")) == 0 for _ in range(ROUNDS))


def visits() -> list[list[int]]:
    """Visit and device of people who are new to every process at once, with and without a further page."""
    people = [f"198.51.100.{number}" for number in range(1, 100)]
    views = [process_hit("/a", build_site_config(), ip=ip) for ip in people]
    again = [process_hit("/b", build_site_config(), ip=ip, now=NOW + timedelta(minutes=5)) for ip in people]
    return [[one["visit"], one["device"], one["is_new"]] for one in (*views, *again)]


def repeated() -> int:
    """How many ids nobody had sent before."""
    at = int(NOW.timestamp() * 1000)

    def is_first(number: int) -> bool:
        joined = state.current().ask(
            JoinVisit(
                key=(7, number, 0), at=at, idle=1000, reported={},
                open_visit=lambda _: OpenVisit(number, number, at, at),
                sender_id=create_sender_id(7, f"event {number}", True, NOW),
            )
        )  # fmt: skip
        return joined != "duplicate"

    return sum(is_first(number) for number in range(ROUNDS))


JOBS: dict[str, Callable[[], Any]] = {
    job.__name__: job for job in (turns, rotated, uniques, limited, guesses, visits, repeated)
}


def main() -> None:
    print("ready", flush=True)
    for name in sys.stdin:
        print(json.dumps(JOBS[name.strip()]()), flush=True)


if __name__ == "__main__":
    main()
