"""What a link's host keeps in a visitor's browser: the last clicks' words, and how far a spillover walk got.

Cookies of the link's host only, http-only; a link with light tracking sets none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from links import tokens
from links.models import Mode
from tracking.web import Header

if TYPE_CHECKING:
    from links.clicks import Click

CLICKS = "ff_clicks"
WALK = "ff_walk_"
KEPT_CLICKS = 8
CLICK_SECONDS = 90 * 86_400
WALK_SECONDS = 365 * 86_400


class Visitor:
    """The cookies of one request, read leniently."""

    __slots__ = ("walked", "words")

    def __init__(self, cookie: str) -> None:
        self.words: list[str] = []
        self.walked: dict[int, int] = {}
        if "ff_" not in cookie:
            return
        for part in cookie.split(";"):
            name, _, value = part.strip().partition("=")
            if name == CLICKS:
                self.words = [word for word in value.split(".") if len(word) == tokens.LENGTH][:KEPT_CLICKS]
            elif name.startswith(WALK) and name[len(WALK) :].isdecimal() and value.isdecimal() and len(value) < 9:
                self.walked[int(name[len(WALK) :])] = int(value)

    def clicks(self) -> list[tokens.Click]:
        """The clicks this browser made, newest first; words nobody here made are left out."""
        return [click for word in self.words if (click := tokens.read(word)) is not None]

    def cookies(self, click: Click, secure: bool) -> list[Header]:
        """The header that adds this click, for links that count conversions."""
        if not click.link.conversions:
            return []
        word = click.word or tokens.token(click.number)
        value = ".".join([word, *(old for old in self.words if old != word)][:KEPT_CLICKS])
        return [cookie(CLICKS, value, CLICK_SECONDS, secure)]


def spillover_cookie(click: Click, secure: bool) -> list[Header]:
    """One step further for every spillover link on the way."""
    if click.host:  # a plain link
        return []
    return [
        cookie(f"{WALK}{link.link_id}", str(click.walked.get(link.link_id, 0) + 1), WALK_SECONDS, secure)
        for link, _ in click.choice.way
        if link.mode == Mode.SPILLOVER
    ]


def cookie(name: str, value: str, seconds: int, secure: bool) -> Header:
    """A cookie a conversion pixel in another site's page may send back, where the connection allows it."""
    rule = "SameSite=None; Secure" if secure else "SameSite=Lax"
    return b"set-cookie", f"{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; {rule}".encode()
