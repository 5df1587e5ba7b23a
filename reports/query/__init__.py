"""The query engine. Dialects, pages and digests translate into a `Query` and format the `Result`.

`ask(query, now=…)` answers one query. `ask_many([…], now=…)` answers those of a page at once, for less;
`ask_all` does so too, and raises the first error.
"""

from reports.query.errors import QueryRefused, QueryStopped
from reports.query.executor import ask, ask_all, ask_many
from reports.query.model import Meta, Query, Result
from reports.query.periods import PERIODS, Period

__all__ = [
    "PERIODS",
    "Meta",
    "Period",
    "Query",
    "QueryRefused",
    "QueryStopped",
    "Result",
    "ask",
    "ask_all",
    "ask_many",
]
