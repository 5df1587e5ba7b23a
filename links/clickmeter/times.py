"""Time frames by name, times as ClickMeter writes them, and time zones by its numbers.

Time frames are in the account's time zone. "last N days" means today and the days before it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from tzlocal.windows_tz import tz_win, win_tz

from accounts.validators import list_zone_names
from links.clickmeter.api_request import ApiRequest
from links.clickmeter.errors import build_parameter_error
from links.clickmeter.parameters import TIME_FRAME
from links.clickmeter.values import parse_integer, parse_text, parse_time
from links.link_statistics import limit_period
from reports.query import Period
from reports.query.periods import ALL_TIME_START, find_day_start, find_month_start

DAY = timedelta(days=1)
DENVER_NUMBER = 82  # the only number of ClickMeter's table of time zones that is documented
LAST_DAYS = {"last7": 7, "last30": 30, "last90": 90, "last120": 120, "last180": 180}


def resolve_days(frame: str, today: date) -> tuple[date, date]:
    """Resolve a time frame into its first day and the day after its last."""
    if frame in LAST_DAYS:
        return today - (LAST_DAYS[frame] - 1) * DAY, today + DAY
    return {
        "today": (today, today + DAY),
        "yesterday": (today - DAY, today),
        "lastmonth": (find_month_start(today, 1), find_month_start(today, 0)),
        "previousmonth": (find_month_start(today, 1), find_month_start(today, 0)),
        "currentmonth": (find_month_start(today, 0), today + DAY),
        "last12months": (find_month_start(today, 11), today + DAY),
        "lastyear": (date(today.year - 1, 1, 1), date(today.year, 1, 1)),
        "currentyear": (date(today.year, 1, 1), today + DAY),
        "beginning": (ALL_TIME_START, today + DAY),
    }[frame]


def parse_period(request: ApiRequest) -> Period:
    """Parse the period of a request. Raises ApiError (400) for an unknown time frame or a custom one without its
    days."""
    frame = request.get_choice(TIME_FRAME)
    zone = ZoneInfo(request.account.timezone)
    if frame == "custom":
        start, end = parse_custom_days(request, zone)
    else:
        first, after = resolve_days(frame, request.now.astimezone(zone).date())
        start, end = find_day_start(first, zone), find_day_start(after, zone)
    name = "all" if frame == "beginning" else frame
    return limit_period(request.scope, Period(start, end, request.account.timezone, name))


def parse_custom_days(request: ApiRequest, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Parse fromDay and toDay: full days inclusive, or to the minute if a time is given. Raises ApiError (400)."""
    texts = [
        request.get_text(name) or request.get_text(old) for name, old in (("fromDay", "fromDate"), ("toDay", "toDate"))
    ]
    if not all(texts):
        raise build_parameter_error("fromDay", "A custom time frame needs fromDay and toDay.")
    start = parse_local_time(texts[0], "fromDay", zone)
    end = parse_local_time(texts[1], "toDay", zone)
    end = end + DAY if len(texts[1]) <= 8 else end + timedelta(minutes=1)
    if start >= end:
        raise build_parameter_error("toDay", "toDay lies before fromDay.", texts[1])
    if not 1971 <= start.year <= 2098 or not 1971 <= end.year <= 2098:
        raise build_parameter_error("fromDay", "Days lie between 1971 and 2098.", texts[0])
    return start, end


def parse_local_time(text: str, name: str, zone: ZoneInfo) -> datetime:
    """Parse a time of the account's zone. Raises ApiError (400)."""
    moment = parse_time(text, name)
    if not 1971 <= moment.year <= 2098:
        raise build_parameter_error(name, "Days lie between 1971 and 2098.", text)
    return moment.replace(tzinfo=zone).astimezone(UTC)


def format_time(moment: datetime | None) -> str:
    """Format a time as yyyyMMddHHmmss in UTC, "" for None."""
    return moment.astimezone(UTC).strftime("%Y%m%d%H%M%S") if moment else ""


# -- time zones ----------------------------------------------------------------------------------------------------


def list_zones() -> list[str]:
    """List the time zones by ClickMeter's numbers: IANA's by name, except the one number that is documented."""
    names = sorted(
        name for name in list_zone_names() if "/" in name and not name.startswith(("Etc/", "posix", "right"))
    )
    names = ["UTC", *names]
    at = names.index("America/Denver")
    names[at], names[DENVER_NUMBER] = names[DENVER_NUMBER], names[at]
    return names


ZONES = list_zones()
ZONE_NUMBERS = {name: number for number, name in enumerate(ZONES)}


def parse_zone(request: ApiRequest, body: dict[str, object]) -> str:
    """Parse a time zone: a number, an IANA name or a Windows name. Raises ApiError (400)."""
    number = parse_integer(body.get("timezone"), -1)
    requested = parse_text(body.get("timezonename") or body.get("timezone"))
    present = request.account.timezone
    # A Windows name stands for many IANA zones, so it must not replace a present zone that it stands for
    zone_name = present if requested == tz_win.get(present) else win_tz.get(requested, requested)
    name = ZONES[number] if 0 <= number < len(ZONES) else zone_name
    if name not in ZONE_NUMBERS:
        raise build_parameter_error("TimeZone", "There is no such time zone.", name[:60])
    return name
