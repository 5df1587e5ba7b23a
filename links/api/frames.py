"""Time frames by name, in the account's zone. The last N days are today and the days before it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from links.api.call import Call
from links.api.errors import invalid
from links.stats import seen_period
from reports.engine import Period
from reports.engine.period import BEGINNING, day_start, months_ago

DAY = timedelta(days=1)
AGGREGATED = (
    "today", "yesterday", "last7", "last30", "lastmonth", "currentmonth", "previousmonth", "last90", "last120",
    "last180", "last12months", "lastyear", "currentyear", "beginning", "custom",
)  # fmt: skip
LAST = {"last7": 7, "last30": 30, "last90": 90, "last120": 120, "last180": 180}


def days_of(frame: str, today: date) -> tuple[date, date]:
    """First day and the day after the last."""
    if frame in LAST:
        return today - (LAST[frame] - 1) * DAY, today + DAY
    return {
        "today": (today, today + DAY),
        "yesterday": (today - DAY, today),
        "lastmonth": (months_ago(today, 1), months_ago(today, 0)),
        "previousmonth": (months_ago(today, 1), months_ago(today, 0)),
        "currentmonth": (months_ago(today, 0), today + DAY),
        "last12months": (months_ago(today, 11), today + DAY),
        "lastyear": (date(today.year - 1, 1, 1), date(today.year, 1, 1)),
        "currentyear": (date(today.year, 1, 1), today + DAY),
        "beginning": (BEGINNING, today + DAY),
    }[frame]


def period_of(call: Call, default: str = "") -> Period:
    """The period a call asks about. Raises Failure (400) for an unknown frame or a custom one without its days."""
    frame = call.word("timeFrame", AGGREGATED, default, required=not default)
    zone = ZoneInfo(call.account.timezone)
    if frame == "custom":
        start, end = custom(call, zone)
    else:
        first, after = days_of(frame, call.now.astimezone(zone).date())
        start, end = day_start(first, zone), day_start(after, zone)
    name = "all" if frame == "beginning" else frame
    return seen_period(call.sight, Period(start, end, call.account.timezone, name))


def custom(call: Call, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """fromDay and toDay: whole days inclusive, or to the minute where a time is given."""
    texts = [call.text(name) or call.text(old) for name, old in (("fromDay", "fromDate"), ("toDay", "toDate"))]
    if not all(texts):
        raise invalid("fromDay", "A custom time frame needs fromDay and toDay.")
    start = local_moment(texts[0], "fromDay", zone)
    end = local_moment(texts[1], "toDay", zone)
    end = end + DAY if len(texts[1]) <= 8 else end + timedelta(minutes=1)
    if start >= end:
        raise invalid("toDay", "toDay lies before fromDay.", texts[1])
    if not 1971 <= start.year <= 2098 or not 1971 <= end.year <= 2098:
        raise invalid("fromDay", "Days lie between 1971 and 2098.", texts[0])
    return start, end


def local_moment(text: str, name: str, zone: ZoneInfo) -> datetime:
    from links.api.call import read_moment

    found = read_moment(text, name)
    if not 1971 <= found.year <= 2098:
        raise invalid(name, "Days lie between 1971 and 2098.", text)
    return found.replace(tzinfo=zone).astimezone(UTC)


def date14(moment: datetime | None) -> str:
    """yyyyMMddHHmmss in UTC."""
    return moment.astimezone(UTC).strftime("%Y%m%d%H%M%S") if moment else ""
