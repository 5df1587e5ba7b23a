"""The cookies of links: tokens of a browser's last clicks, and its position in each spillover list.

They belong to the link's host and are HTTP-only; a link with light tracking sets none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from links.models import Mode
from links.redirect import tokens
from tracking.web import Header

if TYPE_CHECKING:
    from links.redirect.click_pipeline import LinkClick

CLICKS_COOKIE = "ff_clicks"
SPILLOVER_COOKIE_PREFIX = "ff_walk_"
MAX_CLICKS = 8
CLICK_SECONDS = 90 * 86_400
SPILLOVER_SECONDS = 365 * 86_400


class LinkCookies:
    """The cookies of one request; malformed values are ignored."""

    __slots__ = ("encoded_tokens", "spillover_steps")

    def __init__(self, cookie: str) -> None:
        self.encoded_tokens: list[str] = []
        self.spillover_steps: dict[int, int] = {}
        if "ff_" not in cookie:
            return
        for part in cookie.split(";"):
            name, _, value = part.strip().partition("=")
            if name == CLICKS_COOKIE:
                self.encoded_tokens = [word for word in value.split(".") if len(word) == tokens.TOKEN_LENGTH][
                    :MAX_CLICKS
                ]
            elif (
                name.startswith(SPILLOVER_COOKIE_PREFIX)
                and name[len(SPILLOVER_COOKIE_PREFIX) :].isdecimal()
                and value.isdecimal()
                and len(value) < 9
            ):
                self.spillover_steps[int(name[len(SPILLOVER_COOKIE_PREFIX) :])] = int(value)

    def decode_tokens(self) -> list[tokens.ClickToken]:
        """Decode the clicks of this browser, newest first; forged tokens are left out."""
        return [click for word in self.encoded_tokens if (click := tokens.decode_token(word)) is not None]

    def build_clicks_cookie(self, click: LinkClick, secure: bool) -> list[Header]:
        """Build the header that adds this click, for links that count conversions."""
        if not click.link.conversions:
            return []
        token = click.encoded_token or tokens.encode_token(click.token)
        value = ".".join([token, *(old for old in self.encoded_tokens if old != token)][:MAX_CLICKS])
        return [build_cookie(CLICKS_COOKIE, value, CLICK_SECONDS, secure)]


def build_spillover_cookies(click: LinkClick, secure: bool) -> list[Header]:
    """Build the headers that advance the visitor in the list of every spillover link of the click."""
    if click.destination_host:  # a plain link
        return []
    return [
        build_cookie(
            f"{SPILLOVER_COOKIE_PREFIX}{link.link_id}",
            str(click.spillover_steps.get(link.link_id, 0) + 1),
            SPILLOVER_SECONDS,
            secure,
        )
        for link, _ in click.decision.hops
        if link.mode == Mode.SPILLOVER
    ]


def build_cookie(name: str, value: str, seconds: int, secure: bool) -> Header:
    """Build a cookie that a conversion pixel on another site's page may send back, if the connection is encrypted."""
    rule = "SameSite=None; Secure" if secure else "SameSite=Lax"
    return b"set-cookie", f"{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; {rule}".encode()
