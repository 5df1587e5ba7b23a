"""One check of one monitor: ask, then judge the answer against what was expected."""

from __future__ import annotations

from accounts.security.encrypted_fields import Unreadable
from sites.outbound import Answer, OutboundError, OutboundNotMade, fetch_async
from sites.uptime.expectations import expectation_errors, parse_statuses
from sites.uptime.models import Monitor
from sites.uptime.state import Verdict

AGENT = "Mozilla/5.0 (compatible; uptime check)"  # without a brand: it is seen on white-labelled clients' servers


def objection(monitor: Monitor, answer: Answer) -> str:
    """What is wrong with `answer`, as a sentence; empty when nothing is."""
    if not any(low <= answer.status <= high for low, high in parse_statuses(monitor.expected_status)):
        return f"Answered {answer.status}; expected {monitor.expected_status}."
    return wrong_words(monitor, answer)


def wrong_words(monitor: Monitor, answer: Answer) -> str:
    """What is wrong with the words of the page, as a sentence; empty when nothing is."""
    if not monitor.must_contain and not monitor.must_not_contain:
        return ""
    if answer.encoding:
        return f"The page cannot be read: it is compressed ({answer.encoding}), which we did not ask for."
    text = answer.text
    if monitor.must_contain and monitor.must_contain not in text:
        part = f" in its first {len(answer.body):,} bytes" if answer.truncated else ""
        return f"The page does not contain “{monitor.must_contain}”{part}."
    if monitor.must_not_contain and monitor.must_not_contain in text:
        return f"The page contains “{monitor.must_not_contain}”."
    return ""


async def check(monitor: Monitor) -> Verdict:
    """The verdict on `monitor`, within its timeout. If this installation cannot or may not send the request, that is no
    failure of the monitored address: the verdict is then not `made`."""
    if isinstance(monitor.headers, Unreadable):
        return Verdict(False, cause="Its stored headers cannot be decrypted; enter them again.", made=False)
    impossible = expectation_errors(monitor)
    if impossible:
        return Verdict(False, cause=f"Change its settings: {next(iter(impossible.values()))}", made=False)
    headers = {"User-Agent": AGENT, **monitor.headers}
    try:
        answer = await fetch_async(
            monitor.url,
            method=monitor.method,
            headers=headers,
            timeout=monitor.timeout,
            follow=monitor.follow_redirects,
        )
    except OutboundNotMade as error:
        return Verdict(False, cause=str(error), made=False)
    except OutboundError as error:
        return Verdict(False, cause=str(error))
    wrong = objection(monitor, answer)
    return Verdict(not wrong, answer.milliseconds, wrong, answer.tls_expires)
