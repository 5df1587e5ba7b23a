"""Time zones by ClickMeter's numbers."""

from __future__ import annotations

from typing import Any

from tzlocal.windows_tz import tz_win, win_tz

from accounts.validators import list_zone_names
from links.clickmeter import parsers
from links.clickmeter.api_request import ApiRequest, parse_integer
from links.clickmeter.errors import invalid

Json = dict[str, Any]
DENVER_NUMBER = 82  # the only number of ClickMeter's table that is documented


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


def parse_zone(request: ApiRequest, body: Json) -> str:
    """Parse a time zone: a number, an IANA name or a Windows name. Raises Failure (400)."""
    number = parse_integer(body.get("timezone"), -1)
    requested = parsers.parse_text(body.get("timezonename") or body.get("timezone"))
    present = request.account.timezone
    # A Windows name stands for many IANA zones, so it must not replace a present zone that it stands for
    zone_name = present if requested == tz_win.get(present) else win_tz.get(requested, requested)
    name = ZONES[number] if 0 <= number < len(ZONES) else zone_name
    if name not in ZONE_NUMBERS:
        raise invalid("TimeZone", "There is no such time zone.", name[:60])
    return name
