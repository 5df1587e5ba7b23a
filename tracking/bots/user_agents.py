"""Find bots by their user agent: a name in a list, or a form that no browser's has. Results are cached."""

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
