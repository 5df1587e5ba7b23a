"""Calls of the Stats API through its own functions, from the parameters to the rendered response."""

from __future__ import annotations

from reports.clicky import outputs
from reports.clicky.result_links import ResultLinks
from reports.clicky.stats_request import parse_request
from reports.clicky.tallies import TALLY_TYPES
from reports.clicky.types import build_result
from reports.query.result_cache import RESULTS
from sites import site_cache
from tests.bench.questions import NOW
from tests.bench.traffic import LARGE

LIST_MS, TALLY_MS = 500.0, 50.0
LIST = {"type": "visitors-list", "date": "last-31-days", "limit": "1000"}


def calls() -> dict[str, tuple[dict[str, str], float]]:
    """name -> (parameters, milliseconds it may take)."""
    tallies = {row.name: ({"type": row.name, "date": "last-30-days"}, TALLY_MS) for row in TALLY_TYPES}
    return {"visitors-list, 1,000 of 31 days": (LIST, LIST_MS), **tallies}


def call(params: dict[str, str]) -> bytes:
    """One call as JSON, nothing remembered of an earlier one."""
    RESULTS.clear()
    site = site_cache.get_site(LARGE)
    assert site is not None
    request = parse_request(site, params, NOW, ResultLinks(lambda: "http://127.0.0.1", site))
    return outputs.JsonRenderer().render(build_result(request))
