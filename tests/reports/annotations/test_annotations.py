"""Annotations and incidents on the graph."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from reports.annotations.selectors import list_graph_marks
from reports.annotations.services import note_add
from reports.sharing.services import share_create
from sites.models import Site
from sites.uptime.models import Incident
from sites.uptime.services import monitor_create
from tests.support import browse
from tests.support.types import Store

BAD = "<script>alert(1)</script>"


@pytest.fixture
def client_of(alice: User) -> Client:
    client = Client()
    client.force_login(alice)
    return client


def test_an_annotation_is_added_drawn_and_deleted_without_scripts(site: Site, store: Store, client_of: Client) -> None:
    now = timezone.now()
    browse(site, "/a", at=now - timedelta(days=1))
    day = (now - timedelta(days=1)).date()
    client_of.post(f"/sites/{site.pk}/notes", {"day": str(day), "text": BAD})
    html = client_of.get(f"/sites/{site.pk}/?by=day").content.decode()
    assert 'class="mark"' in html and BAD not in html and html.count("&lt;script&gt;alert(1)") >= 2
    assert BAD not in client_of.get(f"/sites/{site.pk}/notes").content.decode()
    client_of.post(f"/sites/{site.pk}/notes/{site.notes.get().pk}/remove")
    assert 'class="mark"' not in client_of.get(f"/sites/{site.pk}/?by=day").content.decode()


def test_an_annotation_is_in_the_bucket_of_its_time_in_the_sites_zone(
    site: Site, store: Store, client_of: Client
) -> None:
    Site.objects.filter(pk=site.pk).update(timezone="Asia/Tokyo")
    yesterday = (timezone.now() + timedelta(hours=9)).date() - timedelta(days=1)
    client_of.post(f"/sites/{site.pk}/notes", {"day": str(yesterday), "clock": "23:30", "text": "Late mailing"})
    assert site.notes.get().at.hour == 14
    html = client_of.get(f"/sites/{site.pk}/?period=yesterday&by=hour").content.decode()
    bucket = html[: html.index("Late mailing")].rindex('aria-label="')
    assert "11:00" in html[bucket : bucket + 40]


def test_incidents_are_marked_with_how_long_they_lasted(site: Site, store: Store, client_of: Client) -> None:
    monitor = monitor_create(site=site, url="https://example.com/", name="Shop")
    begun = timezone.now() - timedelta(days=2)
    Incident.objects.create(monitor=monitor, start=begun, end=begun + timedelta(minutes=12), cause="No answer")
    html = client_of.get(f"/sites/{site.pk}/").content.decode()
    assert "Shop was down for 12 min: No answer" in html and 'class="mark down"' in html


def test_marks_are_of_the_period_and_the_site(site: Site, charlies_site: Site) -> None:
    now = timezone.now()
    note_add(site=charlies_site, at=now, text="His")
    note_add(site=site, at=now - timedelta(days=9), text="Before")
    note_add(site=site, at=now, text="Now")
    found = list_graph_marks(site, now - timedelta(days=1), now + timedelta(days=1))
    assert [mark.text for mark in found] == ["Now"]


def test_a_shared_link_does_not_show_annotations(site: Site, store: Store) -> None:
    note_add(site=site, at=timezone.now() - timedelta(minutes=1), text="Internal matter")
    share = share_create(site=site, name="Client")
    assert "Internal matter" not in Client().get(f"/share/{share.token}/").content.decode()
