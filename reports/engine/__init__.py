"""ONE query engine: `ask(Query(...), now=...)`. Every surface only translates into a Query and formats the Result.

`ask_together([…], now=…)` answers a page of them, which costs less than one after the other.
"""

from reports.engine.compare import change
from reports.engine.period import PERIODS, Period
from reports.engine.query import Meta, Query, Result
from reports.engine.refusal import QueryRefused, QueryStopped
from reports.engine.run import ask
from reports.engine.together import ask_together

__all__ = [
    "PERIODS",
    "Meta",
    "Period",
    "Query",
    "QueryRefused",
    "QueryStopped",
    "Result",
    "ask",
    "ask_together",
    "change",
]
