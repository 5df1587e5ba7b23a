"""The two registries that every dialect and page reads: metrics, and the dimensions they can be broken down by."""

from reports.engine.dimensions import DIMENSIONS, KEYED, TIMES, Dimension, dimension
from reports.engine.metrics import AGGREGATES, METRICS, Aggregate, Metric, metric

__all__ = [
    "AGGREGATES", "DIMENSIONS", "KEYED", "METRICS", "TIMES",
    "Aggregate", "Dimension", "Metric", "dimension", "metric",
]  # fmt: skip
