"""The two registries that every dialect and page reads: metrics, and the dimensions they can be broken down by."""

from reports.query.dimensions import DIMENSIONS, KEYED, TIMES, Dimension, get_dimension
from reports.query.metrics import AGGREGATES, METRICS, Aggregate, Metric, get_metric

__all__ = [
    "AGGREGATES", "DIMENSIONS", "KEYED", "METRICS", "TIMES",
    "Aggregate", "Dimension", "Metric", "get_dimension", "get_metric",
]  # fmt: skip
