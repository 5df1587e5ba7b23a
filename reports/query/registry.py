"""The registries of metrics and dimensions in one place, for the dialects and pages that list them."""

from reports.query.dimensions import DIMENSIONS, KEYED, TIMES, Dimension, get_dimension
from reports.query.metrics import AGGREGATES, METRICS, Aggregate, Metric, get_metric

__all__ = [
    "AGGREGATES", "DIMENSIONS", "KEYED", "METRICS", "TIMES",
    "Aggregate", "Dimension", "Metric", "get_dimension", "get_metric",
]  # fmt: skip
