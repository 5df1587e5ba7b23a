"""What a user agent tells: a name that a list knows, or a form that no browser has. Each is worked out once."""

from __future__ import annotations

import re
from functools import lru_cache

from crawlerdetect import CrawlerDetect

from tracking.bots.lists import KNOWN, added, any_word
from tracking.steps.agent import agent_columns

LONGEST = 1000
_package = CrawlerDetect()
PURPOSES = {word.lower(): purpose for purpose, words in KNOWN["ai"].items() for word in words}
AI = any_word(PURPOSES)
TOOLS = any_word((*KNOWN["tools"]["words"], *added("signatures")))
FORMS = {words: re.compile(form, re.IGNORECASE) for words, form in KNOWN["form"].items()}
BROWSER = re.compile(r"^Mozilla/\d|Opera|OPR/|Browser", re.IGNORECASE)


def short(name: str) -> str:
    """A name as it is kept with a hit."""
    return re.sub(r"\s+", " ", name).strip(" /:;").lower()[:60]


@lru_cache(maxsize=20_000)
def by_name(user_agent: str) -> str:
    """`ai_live: chatgpt-user`, `signature: googlebot`; "" for a name that no list has."""
    text = user_agent[:LONGEST].replace("Cronet/", "")  # a network library of Android, no cron
    if found := AI.search(text):
        return f"{PURPOSES[found[0].lower()]}: {short(found[0])}"
    if _package.isCrawler(text):
        return f"signature: {short(str(_package.getMatches() or '')) or 'crawler'}"
    found = TOOLS.search(text)
    return f"signature: {short(found[0])}" if found else ""


@lru_cache(maxsize=20_000)
def by_name_or_form(user_agent: str) -> str:
    """Whichever of the two finds something; nearly every visitor's browser was seen before."""
    return by_name(user_agent) or by_form(user_agent)


@lru_cache(maxsize=20_000)
def by_form(user_agent: str) -> str:
    """`form: contact` and the like for what no browser calls itself; "" for a browser."""
    text = user_agent[:LONGEST]
    for words, form in FORMS.items():
        if form.search(text):
            return f"form: {words}"
    if not BROWSER.search(text):
        columns = agent_columns(text.replace("\x00", "")[:500])
        if not columns.keys() & {"os", "device_model"}:
            return "form: no browser"
    return ""
