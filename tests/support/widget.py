"""The on-site widget as its window and its frame use it: the window with a log-in, the frame without cookies."""

from __future__ import annotations

from typing import Any

from django.core.cache import caches
from django.test import Client

from sites import site_cache
from sites.models import Site
from sites.services import site_update

ORIGIN = "https://example.com"
PAGE = f"{ORIGIN}/a"
PARTS = ("online", "page", "visitors", "heatmap")


def turn_on(site: Site, open_to: str = "guests", **more: str) -> Site:
    """Turn the widget of a site on."""
    site_update(site=site, widget={"open_to": open_to, **more})
    site_cache.refresh()
    return site


def grant(browser: Client, site: Site, origin: str = ORIGIN) -> Any:
    """What the window is answered that asks for a code for a frame on this origin."""
    return browser.post(f"/widget/{site.pk}/grant", {"origin": origin})


def exchange(site: Site, code: str) -> Any:
    """What a frame is answered for a code."""
    caches["requests"].clear()
    return Client().post(f"/widget/{site.pk}/token", {"code": code})


def open_widget(browser: Client, site: Site, origin: str = ORIGIN) -> dict[str, str]:
    """Open the widget: the token and the next code."""
    access: dict[str, str] = exchange(site, grant(browser, site, origin).json()["code"]).json()
    return access


def ask(site: Site, token: str, part: str = "online", href: str = PAGE, **given: Any) -> Any:
    """What a frame is answered that asks for a part of a page's numbers."""
    caches["requests"].clear()
    headers = {"authorization": f"Bearer {token}"}
    return Client().get(f"/widget/{site.pk}/{part}", {"href": href, **given}, headers=headers)
