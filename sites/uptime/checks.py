"""A check of a monitor: send its request and compare the response with what the monitor expects.

Expectations that no response can meet are rejected, because the monitor would always be down.
"""

from __future__ import annotations

from accounts.security.encrypted_fields import Unreadable
from sites.outbound import OutboundError, OutboundNotSent, OutboundResponse, fetch_async
from sites.outbound.redirects import REDIRECT_STATUSES
from sites.uptime.models import Monitor
from sites.uptime.state_machine import CheckResult

USER_AGENT = "Mozilla/5.0 (compatible; uptime check)"  # without a brand, since servers of white-label clients log it
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


def find_fault(monitor: Monitor, response: OutboundResponse) -> str:
    """Return what is wrong with a response, as a sentence; "" if it is as expected."""
    if not any(low <= response.status <= high for low, high in parse_statuses(monitor.expected_status)):
        return f"Answered {response.status}; expected {monitor.expected_status}."
    return find_content_fault(monitor, response)


def find_content_fault(monitor: Monitor, response: OutboundResponse) -> str:
    """Return what is wrong with the words of the page, as a sentence; "" if they are as expected."""
    if not monitor.must_contain and not monitor.must_not_contain:
        return ""
    if response.encoding:
        return f"The page cannot be read: it is compressed ({response.encoding}), which was not requested."
    text = response.text
    if monitor.must_contain and monitor.must_contain not in text:
        part = f" in its first {len(response.body):,} bytes" if response.truncated else ""
        return f"The page does not contain “{monitor.must_contain}”{part}."
    if monitor.must_not_contain and monitor.must_not_contain in text:
        return f"The page contains “{monitor.must_not_contain}”."
    return ""


async def check_monitor(monitor: Monitor) -> CheckResult:
    """Check a monitor within its timeout.

    If this installation cannot or must not send the request, the result is not `conclusive`: that is not a failure of
    the monitored address.
    """
    if isinstance(monitor.headers, Unreadable):
        return CheckResult(
            ok=False, cause="Its stored headers cannot be decrypted; enter them again.", conclusive=False
        )
    settings_errors = find_expectation_errors(monitor)
    if settings_errors:
        return CheckResult(
            ok=False, cause=f"Change its settings: {next(iter(settings_errors.values()))}", conclusive=False
        )
    headers = {"User-Agent": USER_AGENT, **monitor.headers}
    try:
        response = await fetch_async(
            monitor.url,
            method=monitor.method,
            headers=headers,
            timeout=monitor.timeout,
            follow=monitor.follow_redirects,
        )
    except OutboundNotSent as error:
        return CheckResult(ok=False, cause=str(error), conclusive=False)
    except OutboundError as error:
        return CheckResult(ok=False, cause=str(error))
    fault = find_fault(monitor, response)
    return CheckResult(ok=not fault, milliseconds=response.milliseconds, cause=fault, tls_expires=response.tls_expires)
