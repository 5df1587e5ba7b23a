"""One check of one monitor: ask, then judge the answer against what was expected."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from accounts.security.encrypted_fields import Unreadable
from sites.outbound import Answer, OutboundError, OutboundNotMade, fetch_async
from sites.uptime.models import Monitor
from sites.uptime.state import Verdict

AGENT = "Mozilla/5.0 (compatible; uptime check)"  # without a brand: it is seen on white-labelled clients' servers


def status_expected(status: int, pattern: str) -> bool:
    """Whether `status` is one of `pattern`, such as "200-299, 401". Parts that are no numbers match nothing."""
    for part in pattern.split(","):
        low, _, high = part.strip().partition("-")
        if low.isdigit() and (not high or high.isdigit()) and int(low) <= status <= int(high or low):
            return True
    return False


def objection(monitor: Monitor, answer: Answer, now: datetime) -> str:
    """What is wrong with `answer`, as a sentence; empty when nothing is."""
    if not status_expected(answer.status, monitor.expected_status):
        return f"Answered {answer.status}; expected {monitor.expected_status}."
    text = answer.body.decode(errors="replace")
    if answer.encoding and (monitor.must_contain or monitor.must_not_contain):
        return f"The page cannot be read: it is compressed ({answer.encoding}), which we did not ask for."
    if monitor.must_contain and monitor.must_contain not in text:
        return f"The page does not contain “{monitor.must_contain}”."
    if monitor.must_not_contain and monitor.must_not_contain in text:
        return f"The page contains “{monitor.must_not_contain}”."
    if answer.tls_expires and answer.tls_expires < now + timedelta(hours=1):
        return "The certificate runs out within the hour."
    return ""


async def check(monitor: Monitor) -> Verdict:
    """The verdict on `monitor`, within its timeout. If this installation cannot or may not send the request, that is no
    failure of the monitored address: the verdict is then not `made`."""
    if isinstance(monitor.headers, Unreadable):
        return Verdict(False, cause="Its stored headers cannot be decrypted; enter them again.", made=False)
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
    wrong = objection(monitor, answer, timezone.now())
    return Verdict(not wrong, answer.milliseconds, wrong, answer.tls_expires)
