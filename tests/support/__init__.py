"""Helpers of tests. What most tests need is imported from here: `browse` records a visit, `ask` executes a query."""

from tests.support.pages import read_html
from tests.support.traffic import (
    NOW,
    ask,
    browse,
    event,
    forget_traffic,
    logged_in,
    number,
    prove_host,
    record,
    settle,
    visit,
)

__all__ = [
    "NOW", "ask", "browse", "event", "forget_traffic", "logged_in", "number", "prove_host", "read_html", "record",
    "settle", "visit",
]  # fmt: skip
