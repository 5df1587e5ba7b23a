"""Documentation pages: what the APIs answer, with calls that run."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from reports.clickport.breakdowns import BREAKDOWNS, TECH
from reports.clickport.names import CLICKPORT_DIMENSIONS, OUR_DIMENSION, OUR_METRIC
from reports.clickport.questions import PERIODS
from reports.clicky.computed import COMPUTED
from reports.clicky.filters import FILTERS
from reports.clicky.people import LISTS
from reports.clicky.popular import POPULAR
from reports.clicky.tallies import TALLIES
from reports.clicky.types import ALIASES, EMPTY
from reports.clicky.views import PER_MINUTE
from reports.engine.filters import OPERATORS
from reports.engine.registry import DIMENSIONS, METRICS


def context(request: HttpRequest, **more: Any) -> dict[str, Any]:
    return {"host": f"{request.scheme}://{request.get_host()}", **more}


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    return render(request, "docs/index.html", context(request))


@require_safe
def clickport(request: HttpRequest) -> HttpResponse:
    """The query API, its words read from the registries."""
    metrics = [(name, METRICS[ours].doc) for name, ours in OUR_METRIC.items()]
    dimensions = [(name, DIMENSIONS[OUR_DIMENSION[name]].doc) for name in CLICKPORT_DIMENSIONS]
    more = [(name, DIMENSIONS[name].doc) for name in OUR_DIMENSION if name not in CLICKPORT_DIMENSIONS]
    said = context(
        request, metrics=metrics, dimensions=dimensions, more=more, periods=PERIODS, operators=OPERATORS,
        breakdowns=[(row.address, row.doc, [*row.dimensions, *row.columns()]) for row in BREAKDOWNS.values()],
        tech=list(TECH),
    )  # fmt: skip
    return render(request, "docs/clickport.html", said)


@require_safe
def clicky(request: HttpRequest) -> HttpResponse:
    """The Stats API, its types read from their tables."""
    said = context(
        request, tallies=list(TALLIES), popular=sorted([*POPULAR, *COMPUTED]), lists=LISTS, empty=EMPTY,
        aliases=ALIASES.items(), filters=[*FILTERS, "goal", "custom[key]"], per_minute=PER_MINUTE,
    )  # fmt: skip
    return render(request, "docs/clicky.html", said)
