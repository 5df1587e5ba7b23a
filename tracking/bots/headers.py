"""Find bots by the headers of a request: by a user agent whose name is in a list or whose form no browser's has, and by
headers that are missing or contradict each other. Results are cached.
"""

from __future__ import annotations

import re
from functools import lru_cache

from crawlerdetect import CrawlerDetect

from tracking.bots.lists import BOT_LISTS, compile_words, read_added_lines
from tracking.user_agent import parse_agent

MAX_USER_AGENT_LENGTH = 1000
_crawler_detect = CrawlerDetect()
PURPOSES = {word.lower(): purpose for purpose, words in BOT_LISTS["ai"].items() for word in words}
AI_NAMES = compile_words(PURPOSES)
TOOL_NAMES = compile_words((*BOT_LISTS["tools"]["words"], *read_added_lines("signatures")))
SUSPICIOUS_FORMS = {words: re.compile(form, re.IGNORECASE) for words, form in BOT_LISTS["form"].items()}
BROWSER = re.compile(r"^Mozilla/\d|Opera|OPR/|Browser", re.IGNORECASE)
# Values of Sec-CH-UA-Platform, and the words of which one is in the user agent then
PLATFORM_WORDS = {
    "windows": ("Windows",), "macos": ("Macintosh",), "chrome os": ("CrOS",), "chromium os": ("CrOS",),
    "android": ("Android", "Linux"), "linux": ("Linux", "X11"), "ios": ("iPhone", "iPad", "Macintosh"),
}  # fmt: skip
FORWARDING_HEADERS = ("x-forwarded-for", "forwarded", "via", "x-real-ip")
HINTED_VERSION = re.compile(r'"Chromium";\s?v="(\d+)')
AGENT_VERSION = re.compile(r"Chrome/(\d+)")


def shorten_name(name: str) -> str:
    """Return a name as it is stored with a bot's event."""
    return re.sub(r"\s+", " ", name).strip(" /:;").lower()[:60]


@lru_cache(maxsize=20_000)
def find_name(user_agent: str) -> str:
    """Return `ai_live: chatgpt-user` or `signature: googlebot`; "" for a name that is in no list."""
    text = user_agent[:MAX_USER_AGENT_LENGTH].replace(
        "Cronet/", ""
    )  # a network library of Android, but "cron" is a crawler's word
    if match := AI_NAMES.search(text):
        return f"{PURPOSES[match[0].lower()]}: {shorten_name(match[0])}"
    if _crawler_detect.isCrawler(text):
        return f"signature: {shorten_name(str(_crawler_detect.getMatches() or '')) or 'crawler'}"
    match = TOOL_NAMES.search(text)
    return f"signature: {shorten_name(match[0])}" if match else ""


@lru_cache(maxsize=20_000)
def find_name_or_form(user_agent: str) -> str:
    """Return the reason of either check. One cache for both, since most user agents are repeated."""
    return find_name(user_agent) or find_form(user_agent)


@lru_cache(maxsize=20_000)
def find_form(user_agent: str) -> str:
    """Return `form: contact` and the like for a user agent that no browser sends; "" for a browser."""
    text = user_agent[:MAX_USER_AGENT_LENGTH]
    for words, form in SUSPICIOUS_FORMS.items():
        if form.search(text):
            return f"form: {words}"
    if not BROWSER.search(text):
        columns = parse_agent(text.replace("\x00", "")[:500])
        if not columns.keys() & {"os", "device_model"}:
            return "form: no browser"
    return ""


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
