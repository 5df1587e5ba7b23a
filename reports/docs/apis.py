"""The contexts of the pages about the Clickport and Clicky APIs, from their registries."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from reports.clickport.breakdowns import BREAKDOWNS, TECH
from reports.clickport.query_request import PERIODS
from reports.clickport.vocabulary import CLICKPORT_DIMENSIONS, OUR_DIMENSION, OUR_METRIC
from reports.clicky.computed import COMPUTED
from reports.clicky.filters import FILTERS
from reports.clicky.popular import POPULAR
from reports.clicky.tallies import TALLIES
from reports.clicky.types import ALIASES, EMPTY
from reports.clicky.views import PER_MINUTE
from reports.clicky.visit_lists import LISTS
from reports.query.filters import OPERATORS
from reports.query.registry import DIMENSIONS, METRICS


def build_clickport_context(request: HttpRequest) -> dict[str, Any]:
    """Build the context of the page about the query API."""
    return {
        "metrics": [(name, METRICS[ours].doc) for name, ours in OUR_METRIC.items()],
        "dimensions": [(name, DIMENSIONS[OUR_DIMENSION[name]].doc) for name in CLICKPORT_DIMENSIONS],
        "more": [(name, DIMENSIONS[name].doc) for name in OUR_DIMENSION if name not in CLICKPORT_DIMENSIONS],
        "periods": PERIODS,
        "operators": OPERATORS,
        "breakdowns": [(row.address, row.doc, [*row.dimensions, *row.columns()]) for row in BREAKDOWNS.values()],
        "tech": list(TECH),
    }


def build_clicky_context(request: HttpRequest) -> dict[str, Any]:
    """Build the context of the page about the Stats API."""
    return {
        "tallies": list(TALLIES),
        "popular": sorted([*POPULAR, *COMPUTED]),
        "lists": LISTS,
        "empty": EMPTY,
        "aliases": ALIASES.items(),
        "filters": [*FILTERS, "goal", "custom[key]"],
        "per_minute": PER_MINUTE,
    }
