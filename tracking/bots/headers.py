"""Find programs that pose as browsers by headers that are missing or contradict each other."""

from __future__ import annotations

import re
from functools import lru_cache

# Values of Sec-CH-UA-Platform, and the words of which one is in the user agent then
PLATFORM_WORDS = {
    "windows": ("Windows",), "macos": ("Macintosh",), "chrome os": ("CrOS",), "chromium os": ("CrOS",),
    "android": ("Android", "Linux"), "linux": ("Linux", "X11"), "ios": ("iPhone", "iPad", "Macintosh"),
}  # fmt: skip
FORWARDING_HEADERS = ("x-forwarded-for", "forwarded", "via", "x-real-ip")
HINTED_VERSION = re.compile(r'"Chromium";\s?v="(\d+)')
AGENT_VERSION = re.compile(r"Chrome/(\d+)")


def find_header_fault(headers: dict[str, str], user_agent: str, http_version: str) -> str:
    """Return `pattern: …` for a request that no browser sends; "" for one that may be a browser's."""
    if "accept-language" not in headers:
        return "pattern: no Accept-Language"
    hints = headers.get("sec-ch-ua")
    if hints is not None:
        fault = find_contradiction(user_agent, hints, headers.get("sec-ch-ua-platform", ""))
        if fault:
            return fault
    if http_version == "1.0" and not any(name in headers for name in FORWARDING_HEADERS):
        return "pattern: HTTP/1.0"
    return ""


@lru_cache(maxsize=20_000)
def find_contradiction(user_agent: str, hints: str, platform: str) -> str:
    """Return `pattern: …` where client hints and user agent cannot come from one browser, else ""."""
    if "headless" in hints.lower():
        return "pattern: headless browser"
    agent_version, hinted_version = AGENT_VERSION.search(user_agent), HINTED_VERSION.search(hints)
    if agent_version is None and "Chromium" in hints:
        return "pattern: client hints of another browser"
    if agent_version and hinted_version and agent_version[1] != hinted_version[1]:
        return "pattern: client hints of another version"
    words = PLATFORM_WORDS.get(platform.strip('"').lower())
    if words and not any(word in user_agent for word in words):
        return "pattern: client hints of another system"
    return ""
