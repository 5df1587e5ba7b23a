"""Helpers of tests. What nearly every test needs is imported from here: `browse` makes traffic, `ask` asks about it."""

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
