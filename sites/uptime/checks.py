"""A check of a monitor: send its request and compare the response with what the monitor expects."""

from __future__ import annotations

from accounts.security.encrypted_fields import Unreadable
from sites.outbound import OutboundError, OutboundNotMade, OutboundResponse, fetch_async
from sites.uptime.expectations import find_expectation_errors, parse_statuses
from sites.uptime.models import Monitor
from sites.uptime.state_machine import CheckResult

USER_AGENT = "Mozilla/5.0 (compatible; uptime check)"  # without a brand, since servers of white-label clients log it


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
        return f"The page cannot be read: it is compressed ({response.encoding}), which we did not ask for."
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
        return CheckResult(False, cause="Its stored headers cannot be decrypted; enter them again.", conclusive=False)
    settings_errors = find_expectation_errors(monitor)
    if settings_errors:
        return CheckResult(
            False, cause=f"Change its settings: {next(iter(settings_errors.values()))}", conclusive=False
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
    except OutboundNotMade as error:
        return CheckResult(False, cause=str(error), conclusive=False)
    except OutboundError as error:
        return CheckResult(False, cause=str(error))
    fault = find_fault(monitor, response)
    return CheckResult(not fault, response.milliseconds, fault, response.tls_expires)
