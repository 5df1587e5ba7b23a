"""`make bench-lists`: how long does each list of every API take with ten, 200 and 1,000 rows, and what does it ask?

    python -m tests.bench.lists [--sizes 10,200,1000] [--rounds 5] [--only members] [--profile members]

The lists are those of the registries: Clickport's breakdowns, the types of Clicky's Stats API, the operations of the
management API that answer a page of rows, and ClickMeter's that answer with a list. Everything is created in bulk in an
own store; every call asks for 1,000 rows (ClickMeter: 100) and has no answer in a cache. Printed for each list: the
rows of the answer, the median of the process's processor time in milliseconds, and statements of the database + of the
event store. It fails if an answer has fewer rows than there are, or than the product lists at most, which is printed.
`--profile NAME` prints where the time of one list goes, at the largest size.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import re
import tempfile
import time
from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple
from xml.etree import ElementTree

from tests.bench.growing_account import EMAIL, MAX_GOALS, PASSWORD, GrowingAccount

CLICKMETER_LISTS = ("entities", "rows", "hits", "data", "result")  # names under which answers hold their rows

# Lists whose rows are not those of the account: one of a day, or of a known set of values
OTHER_ROWS = frozenset({
    "clickport realtime", "clickport ledger", "clickport tech?type=device", "clicky searches-engines",
    "clicky languages", "clicky screen-resolutions", "clicky hardware", "clicky traffic-sources",
    "clicky engagement-actions", "clicky engagement-times", "clickmeter /datapoints/aggregated/list",
    "clickmeter /datapoints/{id}/aggregated/list", "clickmeter /groups/aggregated/list",
    "clickmeter /groups/{id}/aggregated/list", "clickmeter /conversions/aggregated/list",
    "clickmeter /conversions/{conversionId}/aggregated/list", "clickmeter /aggregated/list",
})  # fmt: skip
MOST_VALUES = {"countries": 26**2, "regions": 26**2, "goals": MAX_GOALS}  # of what the account has


class ListCall(NamedTuple):
    """A list: its address, the headers that open it, and the number of rows that one answer has at most."""

    address: str
    headers: dict[str, str]
    most: int | None = None


class ListedAccount(GrowingAccount):
    """The account with the calls of its lists."""

    def list_calls(self) -> dict[str, ListCall]:
        """Every list by its name."""
        return {**self.list_clickport(), **self.list_clicky(), **self.list_management(), **self.list_clickmeter()}

    def list_clickport(self) -> dict[str, ListCall]:
        from reports.clickport.breakdowns import BREAKDOWNS, TECH

        paths = ["realtime", "goals", "ledger", *(f"{name}?limit=1000" for name in BREAKDOWNS),
                 *(f"tech?type={kind}&limit=1000" for kind in TECH)]  # fmt: skip
        headers = {"x-api-key": self.api_key}
        return {
            f"clickport {path.replace('limit=1000', '').strip('?&')}": ListCall(
                f"/api/{path}", headers, MOST_VALUES.get(path.partition("?")[0])
            )
            for path in paths
        }

    def list_clicky(self) -> dict[str, ListCall]:
        from reports.clicky.tallies import SummaryType, TallyType
        from reports.clicky.types import EMPTY, STATS_TYPES

        key = f"site_id={self.site.pk}&sitekey={self.site.sitekey}&output=json&limit=all&date=last-2-days"
        lists = [
            row.name for row in STATS_TYPES if not isinstance(row, TallyType | SummaryType) and row.name not in EMPTY
        ]
        login = f"username={EMAIL}&password={PASSWORD.replace(' ', '%20')}"
        return {
            f"clicky {name}": ListCall(f"/api/stats/4?{key}&type={name}", {}, MOST_VALUES.get(name)) for name in lists
        } | {
            "clicky account sites": ListCall(f"/api/account/sites?{login}&output=json", {}),
            "clicky white-label sites": ListCall(f"/api/whitelabel/sites?auth={self.account.authkey}", {}),
        }

    def list_management(self) -> dict[str, ListCall]:
        from accounts.api.lists import MAX_LIMIT
        from accounts.models import OPERATOR_SCOPES, SCOPES, Role
        from accounts.services.personal_tokens import personal_token_create
        from reports.openapi import MANAGEMENT_API, build_document

        owner = self.account.memberships.filter(role=Role.OWNER).get()  # reports by e-mail belong to a person
        scopes = (*SCOPES, *OPERATOR_SCOPES)
        headers = {"authorization": f"Bearer {personal_token_create(membership=owner, name='b', scopes=scopes)[1]}"}
        found = {}
        for path, operations in build_document(MANAGEMENT_API)["paths"].items():
            names = {row["name"] for row in operations.get("get", {}).get("parameters", [])}
            if "cursor" in names:
                site = self.goals_site if path.endswith("/goals") else self.site
                address = path.replace("{site_id}", str(site.pk))
                found[f"management {path.removeprefix('/api/v1/')}"] = ListCall(
                    f"{address}?limit={MAX_LIMIT}", headers, MAX_LIMIT
                )
        return found

    def list_clickmeter(self) -> dict[str, ListCall]:
        from links.clickmeter.operations import OPERATIONS

        headers = {"X-Clickmeter-Authkey": self.account.authkey}
        rows = {
            "/datapoints": self.group.datapoints.earliest("pk"), "/groups": self.group, "/tags": self.tag,
            "/conversions": self.sale, "/retargeting": self.script, "/account/guests": self.guest,
        }  # fmt: skip
        found = {}
        for operation in filter(answers_list, OPERATIONS):
            path, prefix = operation.path, operation.path.partition("/{")[0]
            address = re.sub(r"{\w+}", str(rows[prefix].pk), path) if "{" in path else path
            found[f"clickmeter {path}"] = ListCall(f"/clickmeter{address}?{choose_parameters(path)}", headers, 100)
        return found


def answers_list(operation: Any) -> bool:
    """Whether an operation of ClickMeter's answers with a list of rows."""
    from links.clickmeter.actions import ACTIONS

    action = ACTIONS[operation.action]
    answer = operation.views.answers.get(operation.action, action.answer)
    has_rows = answer is not None and not answer().fields.keys().isdisjoint(CLICKMETER_LISTS)
    return operation.method == "GET" and (action.is_page or has_rows)


def choose_parameters(path: str) -> str:
    """The parameters with which ClickMeter's list is complete."""
    types = {
        "/domains": "personal", "/aggregated": "tl", "/conversions/{conversionId}/reports": "datapoints",
        "/reports": "referrers",
    }  # fmt: skip
    given = next((f"&type={type}" for part, type in types.items() if part in path), "")
    return f"_expand=true&limit=100&pageSize=100&timeFrame=last7{given}"


class Figures(NamedTuple):
    """Rows of the answer, median milliseconds of the processor, and statements of both stores."""

    rows: int
    milliseconds: float
    database: int
    store: int

    def __str__(self) -> str:
        return f"{self.rows:5,} {self.milliseconds:8.1f} ms {self.database:3}+{self.store}"


def count_rows(answer: Any) -> int:
    """The rows of an answer."""
    if "xml" in answer["content-type"]:
        return len(ElementTree.fromstring(answer.content))  # of our own server
    return find_longest(answer.json())


def find_missing(found: dict[str, list[Figures]], sizes: list[int], calls: dict[str, ListCall]) -> list[str]:
    """Describe the answers that do not have the rows of their size, nor as many as the product lists at most."""
    return [
        f"{name} has {figures.rows} rows of {size}"
        for name, cells in found.items()
        for size, figures in zip(sizes, cells, strict=True)
        if name not in OTHER_ROWS and figures.rows < min(size, calls[name].most or size)
    ]


def find_longest(body: object) -> int:
    """The length of the longest list in a value."""
    if isinstance(body, dict):
        return max(map(find_longest, body.values()), default=0)
    if isinstance(body, list):
        return max(len(body), *map(find_longest, body), 0)
    return 0


def measure(call: ListCall, rounds: int) -> Figures:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from tests.support.statements import record_statements

    fetch = build_fetch(call)
    answer = fetch()
    assert answer.status_code == 200, (call.address, answer.content[:300])
    times = []
    for _ in range(rounds):
        began = time.process_time()
        fetch()
        times.append((time.process_time() - began) * 1000)
    with record_statements() as asked, CaptureQueriesContext(connection) as captured:
        fetch()
    return Figures(count_rows(answer), median(times), len(captured), len(asked))


def build_fetch(call: ListCall) -> Callable[[], Any]:
    """The function that fetches a list with no answer in a cache and no limit reached."""
    from django.core.cache import caches
    from django.test import Client

    from reports.query.result_cache import RESULTS

    client = Client(headers=call.headers)

    def fetch() -> Any:
        caches["requests"].clear()
        RESULTS.clear()
        return client.get(call.address)

    return fetch


def print_profile(call: ListCall) -> None:
    fetch = build_fetch(call)
    fetch()
    with cProfile.Profile() as profile:
        for _ in range(5):
            fetch()
    pstats.Stats(profile).sort_stats("cumulative").print_stats(45)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="10,200,1000")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="lists whose name contains this")
    parser.add_argument("--profile", default="", help="the list whose time is explained")
    options = parser.parse_args()
    empty = {"EVENTS_URL": "", "DATABASE_URL": "", "REDIS_URL": "", "ALLOWED_HOSTS": "*", "DEBUG": ""}
    with tempfile.TemporaryDirectory(prefix="bench-lists-") as directory:
        os.environ.update(DATA_DIR=directory, DJANGO_SETTINGS_MODULE="config.settings", **empty)
        import django

        django.setup()
        world, sizes = ListedAccount(), [int(size) for size in options.sizes.split(",")]
        found: dict[str, list[Figures]] = {}
        for size in sizes:
            world.grow(size)
            for name, call in world.list_calls().items():
                if options.only in name:
                    found.setdefault(name, []).append(measure(call, options.rounds))
        calls = world.list_calls()
        print(f"{'':40}" + "".join(f"{f'{size:,} rows':>27}" for size in sizes))
        for name, cells in found.items():
            most = calls[name].most
            at_most = f"  at most {most:,} rows" if most and most < sizes[-1] else ""
            print(f"{name:40}" + "".join(f"{cell!s:>27}" for cell in cells) + at_most)
        if options.profile:
            print_profile(next(call for name, call in world.list_calls().items() if options.profile in name))
        if missing := find_missing(found, sizes, calls):
            raise SystemExit("\n".join(missing))


if __name__ == "__main__":
    main()
