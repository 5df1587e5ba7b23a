"""Estimated costs of incidents. A higher app computes them and registers its function here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sites.uptime.models import Incident

CostEstimator = Callable[[Iterable[Incident]], Mapping[int, Any]]
_estimators: list[CostEstimator] = []


def register_cost_estimator(estimator: CostEstimator) -> None:
    """Register a function that returns costs by incident id, each an object with `short` and `sentence`."""
    _estimators.append(estimator)


def add_costs(incidents: Iterable[Incident]) -> list[Incident]:
    """Return the incidents, each with its `cost`; None for an incident without one."""
    rows = list(incidents)
    costs: dict[int, Any] = {}
    for estimate in _estimators:
        costs.update(estimate(rows))
    for row in rows:
        row.cost = costs.get(row.pk)  # type: ignore[attr-defined]
    return rows
