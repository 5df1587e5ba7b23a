"""A client of the Clicky Stats API."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from django.core.cache import caches
from django.test import Client

from sites.models import Site
from tests.support.types import Response


class Clicky:
    """A client with a site's key; the limit per minute is forgotten before each request."""

    def __init__(self, site: Site, path: str = "/api/stats/4") -> None:
        self.site, self.path, self.client = site, path, Client()

    def raw(self, type: str, **given: Any) -> Response:
        caches["requests"].clear()
        named = {name.replace("__", "-"): value for name, value in given.items()}
        asked = {"site_id": self.site.pk, "sitekey": self.site.sitekey, "type": type, **named}
        return self.client.get(self.path, asked)

    def json(self, type: str, **given: Any) -> list[dict[str, Any]]:
        answer = self.raw(type, output="json", **given)
        assert answer.status_code == 200, answer.content
        blocks: list[dict[str, Any]] = answer.json()
        return blocks

    def xml(self, type: str, **given: Any) -> ElementTree.Element:
        return ElementTree.fromstring(self.raw(type, **given).content)

    def items(self, type: str, **given: Any) -> list[dict[str, Any]]:
        """The items of the first block's first date."""
        items: list[dict[str, Any]] = self.json(type, **given)[0]["dates"][0]["items"]
        return items

    def value(self, type: str, **given: Any) -> str:
        (item,) = self.items(type, **given)
        value: str = item["value"]
        return value

    def error(self, type: str, **given: Any) -> str:
        (found,) = self.json(type, **given)
        error: str = found["error"]
        return error
