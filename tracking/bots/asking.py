"""How a browser asks, and how programs that call themselves one do not: headers that are missing or contradict."""

from __future__ import annotations

import re
from functools import lru_cache

# What Chromium says in Sec-CH-UA-Platform, and which word of its user agent goes with it
PLATFORMS = {
    "windows": ("Windows",), "macos": ("Macintosh",), "chrome os": ("CrOS",), "chromium os": ("CrOS",),
    "android": ("Android", "Linux"), "linux": ("Linux", "X11"), "ios": ("iPhone", "iPad", "Macintosh"),
}  # fmt: skip
FORWARDED = ("x-forwarded-for", "forwarded", "via", "x-real-ip")
VERSION = re.compile(r'"Chromium";\s?v="(\d+)')
CHROME = re.compile(r"Chrome/(\d+)")


def by_headers(headers: dict[str, str], user_agent: str, http_version: str) -> str:
    """`pattern: …` for a request that no browser makes; "" for one that may be a browser's."""
    if "accept-language" not in headers:
        return "pattern: no Accept-Language"
    hints = headers.get("sec-ch-ua")
    if hints is not None:
        found = contradiction(user_agent, hints, headers.get("sec-ch-ua-platform", ""))
        if found:
            return found
    if http_version == "1.0" and not any(name in headers for name in FORWARDED):
        return "pattern: HTTP/1.0"
    return ""


@lru_cache(maxsize=20_000)
def contradiction(user_agent: str, hints: str, platform: str) -> str:
    """`pattern: …` where client hints and user agent cannot come from one browser."""
    if "headless" in hints.lower():
        return "pattern: headless browser"
    said, meant = CHROME.search(user_agent), VERSION.search(hints)
    if said is None and "Chromium" in hints:
        return "pattern: client hints of another browser"
    if said and meant and said[1] != meant[1]:
        return "pattern: client hints of another version"
    words = PLATFORMS.get(platform.strip('"').lower())
    if words and not any(word in user_agent for word in words):
        return "pattern: client hints of another system"
    return ""
