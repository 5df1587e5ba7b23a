"""Readers are shown only links that open and forms that are accepted."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urljoin, urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from goals.services import goal_create, segment_create
from sites.models import Site
from sites.uptime.models import Monitor
from tests.support import browse, empty_store, log_in
from tests.support.turns import take_turns
from tests.support.types import Store

pytestmark = pytest.mark.django_db
LINK = re.compile(r'(?:href|hx-get|action)="([^"]+)"')
FORM = re.compile(r'<form[^>]*method="post"[^>]*action="([^"]+)"')
PAGES = ("", "spy", "visitors", "content", "sources", "goals", "heatmaps", "uptime", "funnels", "journeys", "retention",
         "splits", "ledger", "bots")  # fmt: skip


@pytest.fixture(autouse=True)
def one_of_each(site: Site, store: Store, alice: User) -> None:
    """A visit, a goal, a segment and a monitor, so that there is something to press."""
    goal_create(site=site, name="Bought", kind="page", pattern="/b")
    segment_create(
        site=site, name="Germans", filter=[{"dimension": "country", "value": "DE"}], owner=alice, shared=True
    )
    Monitor.objects.create(site=site, url="https://example.com/", next_due=timezone.now())
    browse(site, "/a", "/b", at=timezone.now() - timedelta(hours=1), country="DE")


def read(client: Client, site: Site, *others: str) -> dict[str, str]:
    """The pages of the site that open for the reader, and the others, which all do."""
    answers = {path: client.get(path) for path in (*(f"/sites/{site.pk}/{page}" for page in PAGES), *others)}
    opened = {path: answer for path, answer in answers.items() if answer.status_code == 200}
    assert set(others) <= set(opened)
    return {path: answer.content.decode().replace("&amp;", "&") for path, answer in opened.items()}


def addresses(page: str, html: str) -> set[str]:
    """The paths of this host that a page leads to by GET."""
    posts = set(FORM.findall(html))
    found = {urljoin(page, link) for link in LINK.findall(html) if link not in posts and not link.startswith("#")}
    kept = {urlsplit(link).path for link in found if not urlsplit(link).netloc}
    return {path for path in kept if not path.startswith(("/static/", "/brand.css", "/logout", "/theme"))}


def links_of(pages: dict[str, str]) -> dict[str, str]:
    """Where the pages lead, each with a page that does."""
    return {link: page for page, html in pages.items() for link in addresses(page, html)}


def walls(client: Client, pages: dict[str, str]) -> dict[str, str]:
    """The links of the pages that do not open. The pages themselves have been opened."""
    led = {link: page for link, page in links_of(pages).items() if link not in pages}
    return {link: page for link, page in led.items() if client.get(link, follow=True).status_code in (403, 404)}


@pytest.mark.parametrize("empty", take_turns(2, [False, True]), ids=["busy", "empty"])
def test_every_link_shown_to_a_guest_opens(site: Site, bob: User, empty: bool) -> None:
    if empty:
        empty_store()
    client = log_in(bob)
    pages = read(client, site, f"/sites/{site.pk}/uptime/{site.monitors.get().pk}", "/sites", "/me", "/go")
    assert len(pages) >= 14
    assert walls(client, pages) == {}


def test_every_link_shown_to_the_owner_opens(site: Site, alice: User) -> None:
    client = log_in(alice)
    pages = read(client, site, "/sites", "/go")
    assert walls(client, pages) == {}
    assert {"/links", f"/sites/{site.pk}/settings", f"/sites/{site.pk}/uptime/new"} <= set(links_of(pages))


def test_a_guest_is_shown_no_form_that_is_rejected(site: Site, bob: User) -> None:
    client = log_in(bob)
    monitor = f"/sites/{site.pk}/uptime/{site.monitors.get().pk}"
    pages = read(client, site, monitor, f"/sites/{site.pk}/?country=DE", "/me", "/digests")
    offered = {urljoin(page, link): page for page, html in pages.items() for link in FORM.findall(html)}
    refused = {
        link: page
        for link, page in offered.items()
        if link not in ("/logout", "/theme") and client.post(link).status_code in (403, 404)
    }
    assert refused == {}


def test_the_goal_form_accepts_the_pattern_in_its_help_text(site: Site, alice: User) -> None:
    client = log_in(alice)
    page = client.get(f"/sites/{site.pk}/goals/new")
    assert page.context["form"]["pattern_kind"].value() == "wildcard"
    fields = {"name": "Order", "kind": "page", "pattern": "/order/*", "conversion": "on", "active": "on"}
    client.post(f"/sites/{site.pk}/goals/new", fields)
    assert site.goals.get(name="Order").pattern_kind == "wildcard"
