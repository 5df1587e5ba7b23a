"""Fill browser, operating system and device from the user agent and the browser's hints."""

from __future__ import annotations

from sites.site_config import SiteConfig
from tracking.event import Event, Hit, Rejection
from tracking.user_agent import parse_agent, parse_agent_with_hints

MAX_USER_AGENT_LENGTH = 600


def find_agent_columns(hit: Hit) -> dict[str, str]:
    """Return the columns of the visitor's browser, by its headers and the hints that the tracker reported."""
    user_agent, get = hit.user_agent[:MAX_USER_AGENT_LENGTH], hit.headers.get
    brands, touch = get("sec-ch-ua", ""), hit.touch_points > 1
    if not brands and not touch and not hit.platform_version and not hit.model:
        return parse_agent(user_agent)
    return parse_agent_with_hints(
        user_agent, brands, get("sec-ch-ua-mobile", ""), get("sec-ch-ua-platform", ""),
        hit.platform_version or get("sec-ch-ua-platform-version", ""), hit.model or get("sec-ch-ua-model", ""),
        touch, hit.screen if touch else "",
    )  # fmt: skip


def fill_user_agent(hit: Hit, site: SiteConfig, event: Event) -> Rejection | None:
    """Fill browser, operating system and device."""
    if hit.user_agent:
        event.update(find_agent_columns(hit))
    return None
