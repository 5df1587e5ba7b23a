"""The query engine. Dialects, pages and digests translate into a `Query` and format the `Result`.

`ask(query, now=…)` answers one query. `ask_together([…], now=…)` answers those of a page at once, for less.
"""

from reports.engine.batch import ask_together
from reports.engine.comparison import change
from reports.engine.executor import ask
from reports.engine.period import PERIODS, Period
from reports.engine.query import Meta, Query, Result
from reports.engine.refusal import QueryRefused, QueryStopped

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
