"""What with: browser, system and kind of device, read from the user agent once and remembered."""

from __future__ import annotations

from functools import lru_cache

from user_agents import parse

from sites.facts import SiteFacts
from tracking.hit import Event, Hit, Refused

# The parser tells a mobile build from a desktop one by another family; readers want one name per product.
BROWSERS = {
    "Chrome Mobile": "Chrome",
    "Chrome Mobile iOS": "Chrome",
    "Chrome Mobile WebView": "Chrome WebView",
    "Mobile Safari": "Safari",
    "Mobile Safari UI/WKWebView": "Safari WebView",
    "Firefox Mobile": "Firefox",
    "Firefox iOS": "Firefox",
    "Edge Mobile": "Edge",
    "Opera Mobile": "Opera",
    "IE": "Internet Explorer",
    "IE Mobile": "Internet Explorer",
}
SYSTEMS = {"Mac OS X": "macOS", "Ubuntu": "Linux", "Fedora": "Linux", "Debian": "Linux", "Chrome OS": "ChromeOS"}
TELEVISIONS = ("smart-tv", "smarttv", "googletv", "appletv", "hbbtv", "roku", "aftt", "web0s", "tizen", " tv ")
LONGEST = 600
CONSOLES = ("playstation", "xbox", "nintendo")


def short_version(text: str) -> str:
    """`120.0.6099.43` -> `120`, `17.2.1` -> `17.2`: two parts at most, no trailing zero."""
    parts = text.split(".")[:2]
    return parts[0] if len(parts) < 2 or parts[1] in ("", "0") else ".".join(parts)


def device_type(agent: object, low: str) -> str:
    """Desktop, Mobile, Tablet, TV, Console or Other."""
    if any(word in low for word in CONSOLES):
        return "Console"
    if any(word in low for word in TELEVISIONS):
        return "TV"
    for flag, name in (("is_tablet", "Tablet"), ("is_mobile", "Mobile"), ("is_pc", "Desktop")):
        if getattr(agent, flag):
            return name
    return "Other"


@lru_cache(maxsize=20_000)
def agent_columns(user_agent: str) -> dict[str, str]:
    """The columns that a user agent fills."""
    user_agent = user_agent.replace("\x00", "")[:500]
    agent = parse(user_agent)
    known = agent.browser.family != "Other"
    model = agent.device.model or ""
    columns = {
        "device_type": device_type(agent, f" {user_agent.lower()} "),
        "device_model": model if model not in ("Other", "Mac", "Smartphone", "Tablet") else "",
        "browser": BROWSERS.get(agent.browser.family, agent.browser.family) if known else "",
        "browser_version": short_version(agent.browser.version_string),
        "os": SYSTEMS.get(agent.os.family, agent.os.family) if agent.os.family != "Other" else "",
        "os_version": short_version(agent.os.version_string),
        "user_agent": user_agent,
    }
    return {name: value for name, value in columns.items() if value}


def read_agent(hit: Hit, facts: SiteFacts, event: Event) -> Refused | None:
    """Fill browser, system, device."""
    if hit.user_agent:
        event.update(agent_columns(hit.user_agent[:LONGEST]))
    return None
