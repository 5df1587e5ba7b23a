"""Expectations of a monitor, and validation of those that no response can meet: the monitor would always be down."""

from __future__ import annotations

from sites.outbound.redirects import REDIRECT_STATUSES
from sites.uptime.models import Monitor

MIN_STATUS, MAX_STATUS = 100, 599


def parse_statuses(text: str) -> list[tuple[int, int]]:
    """Parse good statuses such as "200-299, 401" as ranges, both ends included. Raises ValueError with a sentence."""
    return [parse_range(part.strip()) for part in text.split(",")]


def parse_range(text: str) -> tuple[int, int]:
    first, dash, last = (part.strip() for part in text.partition("-"))
    numbers = [first, last] if dash else [first, first]
    if not all(number.isascii() and number.isdigit() for number in numbers):
        raise ValueError(f"“{text}” is not an HTTP status. Write numbers and ranges, such as 200-299, 401.")
    low, high = map(int, numbers)
    if not MIN_STATUS <= low <= high <= MAX_STATUS:
        raise ValueError(f"“{text}” is not a range of HTTP statuses. They go from 100 to 599, the lower one first.")
    return low, high


def find_expectation_errors(monitor: Monitor) -> dict[str, str]:
    """Return the fields that no response can satisfy, each with a sentence about what would be right."""
    errors = {"expected_status": find_status_error(monitor)}
    required, forbidden = monitor.must_contain, monitor.must_not_contain
    if monitor.method == "HEAD" and (required or forbidden):
        errors["method"] = "An answer to HEAD has no page to look for words in. Choose GET, or leave the words empty."
    if required and forbidden and forbidden in required:
        errors["must_not_contain"] = f"“{forbidden}” is a part of what the page must contain. Leave one of them out."
    return {field: error for field, error in errors.items() if error}


def find_status_error(monitor: Monitor) -> str:
    try:
        ranges = parse_statuses(monitor.expected_status)
    except ValueError as error:
        return str(error)
    statuses = {status for low, high in ranges for status in range(low, high + 1)}
    if monitor.follow_redirects and statuses <= REDIRECT_STATUSES:
        return "Redirects are followed, so none of these is the last answer. Switch “Follow redirects” off, or add 200."
    return ""
