"""Readers are shown only links that open and forms that are accepted."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from goals.services import goal_create, segment_create
from sites.models import Site
from sites.uptime.models import Monitor
from tests.support import browse, empty_store, log_in

pytestmark = pytest.mark.django_db
LINK = re.compile(r'(?:href|hx-get|action)="([^"]+)"')
FORM = re.compile(r'<form[^>]*method="post"[^>]*action="([^"]+)"')
PAGES = ("", "spy", "visitors", "content", "sources", "goals", "heatmaps", "uptime", "funnels", "journeys", "retention",
         "splits", "ledger", "bots")  # fmt: skip


@pytest.fixture(autouse=True)
def one_of_each(site: Site, store: Any, alice: User) -> None:
    """A visit, a goal, a segment and a monitor, so that there is something to press."""
    goal_create(site=site, name="Bought", kind="page", pattern="/b")
    segment_create(
        site=site, name="Germans", filter=[{"dimension": "country", "value": "DE"}], owner=alice, shared=True
    )
    Monitor.objects.create(site=site, url="https://example.com/", next_due=timezone.now())
    browse(site, "/a", "/b", at=timezone.now() - timedelta(hours=1), country="DE")


def addresses(client: Client, page: str) -> set[str]:
    """The paths of this host that a page leads to by GET."""
    html = client.get(page).content.decode().replace("&amp;", "&")
    posts = set(FORM.findall(html))
    found = {urljoin(page, link) for link in LINK.findall(html) if link not in posts and not link.startswith("#")}
    kept = {urlsplit(link).path for link in found if not urlsplit(link).netloc}
    return {path for path in kept if not path.startswith(("/static/", "/brand.css", "/logout", "/theme"))}


def posted(client: Client, page: str) -> set[str]:
    html = client.get(page).content.decode()
    return {urljoin(page, link) for link in FORM.findall(html)} - {"/logout", "/theme"}


def opened(client: Client, site: Site) -> list[str]:
    """The pages of the site that open for the reader."""
    return [path for path in (f"/sites/{site.pk}/{page}" for page in PAGES) if client.get(path).status_code == 200]


@pytest.mark.parametrize("empty", [False, True], ids=["busy", "empty"])
def test_every_link_shown_to_a_guest_opens(site: Site, bob: User, empty: bool) -> None:
    if empty:
        empty_store()
    client = log_in(bob)
    pages = opened(client, site)
    assert len(pages) >= 10
    monitor = f"/sites/{site.pk}/uptime/{site.monitors.get().pk}"
    led = {link: page for page in (*pages, monitor, "/sites", "/me", "/go") for link in addresses(client, page)}
    walls = {link: page for link, page in led.items() if client.get(link, follow=True).status_code in (403, 404)}
    assert walls == {}


def test_every_link_shown_to_the_owner_opens(site: Site, alice: User) -> None:
    client = log_in(alice)
    led = {link: page for page in (*opened(client, site), "/sites", "/go") for link in addresses(client, page)}
    walls = {link: page for link, page in led.items() if client.get(link, follow=True).status_code in (403, 404)}
    assert walls == {}
    assert {"/links", f"/sites/{site.pk}/settings", f"/sites/{site.pk}/uptime/new"} <= set(led)


def test_a_guest_is_shown_no_form_that_is_rejected(site: Site, bob: User) -> None:
    client = log_in(bob)
    monitor = f"/sites/{site.pk}/uptime/{site.monitors.get().pk}"
    pages = (*opened(client, site), monitor, f"/sites/{site.pk}/?country=DE", "/me", "/digests")
    offered = {link: page for page in pages for link in posted(client, page)}
    refused = {link: page for link, page in offered.items() if client.post(link).status_code in (403, 404)}
    assert refused == {}


def test_the_goal_form_accepts_the_pattern_in_its_help_text(site: Site, alice: User) -> None:
    client = log_in(alice)
    page = client.get(f"/sites/{site.pk}/goals/new")
    assert page.context["form"]["pattern_kind"].value() == "wildcard"
    fields = {"name": "Order", "kind": "page", "pattern": "/order/*", "conversion": "on", "active": "on"}
    client.post(f"/sites/{site.pk}/goals/new", fields)
    assert site.goals.get(name="Order").pattern_kind == "wildcard"
