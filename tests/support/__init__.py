"""Helpers of tests. What most tests need is imported from here: `browse` records a visit, `ask` executes a query."""

from tests.support.pages import read_html
from tests.support.store_rows import empty_store, insert_recorded, record
from tests.support.traffic import (
    NOW,
    ask,
    browse,
    derive_number,
    event,
    log_in,
    verify_host,
    visit,
)

__all__ = [
    "NOW",
    "ask",
    "browse",
    "derive_number",
    "empty_store",
    "event",
    "insert_recorded",
    "log_in",
    "read_html",
    "record",
    "verify_host",
    "visit",
]  # fmt: skip
