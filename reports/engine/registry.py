"""The two registries every surface reads: what can be counted, and by what."""

from reports.engine.dimensions import DIMENSIONS, KEYED, TIMES, Dimension, dimension
from reports.engine.metrics import ATOMS, METRICS, Atom, Metric, metric

__all__ = [
    "ATOMS", "DIMENSIONS", "KEYED", "METRICS", "TIMES", "Atom", "Dimension", "Metric", "dimension", "metric",
]  # fmt: skip
