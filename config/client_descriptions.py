"""Places and browsers of log-ins in words, by the databases that visits are described with."""

from __future__ import annotations

from reports.query.vocabulary import format_country
from tracking.geo import look_up
from tracking.user_agent import parse_agent


def describe_place(address: str) -> str:
    """Describe where an address is, such as "Tallinn, Estonia"; "" if no database knows."""
    columns = look_up(address)
    country = columns.get("country", "")
    return ", ".join(part for part in (columns.get("city", ""), format_country(country) if country else "") if part)


def describe_browser(user_agent: str) -> str:
    """Describe a user agent, such as "Firefox on Linux"; "" if it is unknown."""
    columns = parse_agent(user_agent)
    return " on ".join(part for part in (columns.get("browser", ""), columns.get("os", "")) if part)
