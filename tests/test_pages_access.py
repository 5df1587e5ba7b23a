"""Every page × {owner, viewer, guest with a grant, stranger, nobody}: foreign sites do not exist."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone

from accounts.models import Account, Role, User
from goals.funnels import funnel_save
from goals.services import goal_create, segment_create
from reports.pages import urls
from sites.models import Site
from tests.conftest import member
from tests.support import browse, number

FIRST = {"name": "page", "tab": "top"}
POSTS = {
    "segment-save", "segment-forget", "goal-remove", "funnel-remove", "bots-people", "visitor-bot", "visit-bot",
}  # fmt: skip
EDITS = {  # a viewer and a reading guest may not
    "goal-new", "goal", "goal-remove", "heatmap-settings", "funnel-new", "funnel-edit", "funnel-remove", "bots-people",
    "visitor-bot", "visit-bot",
}  # fmt: skip
OPEN = {"theme"}
NAMES = [pattern.name for pattern in urls.urlpatterns]
OF_A_SITE = [pattern.name for pattern in urls.urlpatterns if "site_id" in str(pattern.pattern)]


@pytest.fixture
def places(site: Site, store, alice: User) -> dict[str, str]:
    """The address of every page of the site, by name."""
    at = timezone.now() - timedelta(minutes=1)
    browse(site, "/a", at=at, visitor="one", visit=77)
    goal = goal_create(site=site, name="A", kind="page", pattern="/a")
    segment = segment_create(site=site, name="S", filter=[{"dimension": "page", "operator": "is", "value": ["/a"]}],
                             owner=alice, shared=True)  # fmt: skip
    funnel = funnel_save(site=site, name="F", steps=[{"page": "/a"}, {"goal": goal.pk}])
    given = {
        "funnel_id": funnel.pk,
        "site_id": site.pk, "name": "pages", "tab": "top", "goal_id": goal.pk, "segment_id": segment.pk, "visit": 77,
        "device": number("device", site.pk, "one"),
    }  # fmt: skip
    found = {}
    for name in NAMES:
        wanted = get_resolver().reverse_dict.getlist(name)[0][0][0][1]
        named = {key: given[key] for key in wanted}
        if name == "details":
            named["name"] = "page"
        found[name] = "/" + get_resolver().reverse(name, **named)
    return found


def ask_as(user: User | None, name: str, address: str) -> int:
    client = Client()
    if user is not None:
        client.force_login(user)
    return (client.post(address) if name in POSTS else client.get(address)).status_code


@pytest.mark.parametrize("name", sorted(set(OF_A_SITE) - {"spy-stream"}))
def test_who_may_open_a_page_of_a_site(name: str, places, account: Account, alice: User, bob: User, charlie: User):
    viewer = member(account, "victor", Role.VIEWER)
    address = places[name]
    fine = {200, 302}
    assert ask_as(charlie, name, address) == 404
    assert ask_as(None, name, address) == 302, "nobody is sent to log in"
    for reader in (viewer, bob):
        status = ask_as(reader, name, address)
        assert status == 404 if name in EDITS or name == "segment-forget" else status in fine
    assert ask_as(alice, name, address) in fine


async def test_the_stream_is_closed_to_strangers_and_nobody(site: Site, transactional_db) -> None:
    from asgiref.sync import sync_to_async
    from django.test import AsyncClient

    stranger = await sync_to_async(User.objects.create_user)("s@example.com", "a long enough password")
    client = AsyncClient()
    assert (await client.get(f"/sites/{site.pk}/spy/stream")).status_code == 302
    await sync_to_async(client.force_login)(stranger)
    assert (await client.get(f"/sites/{site.pk}/spy/stream")).status_code == 404


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(OF_A_SITE) - OPEN))
def test_pages_of_oneself_need_a_log_in(name: str, places, alice: User, charlie: User) -> None:
    assert ask_as(None, name, places[name]) == 302
    assert ask_as(alice, name, places[name]) == 200


def test_the_list_and_the_switcher_name_only_ones_own_sites(places, charlie: User, bob: User, site: Site) -> None:
    for user, sees in ((charlie, False), (bob, True)):
        client = Client()
        client.force_login(user)
        for address in ("/sites", "/go"):
            assert (f"/sites/{site.pk}/" in client.get(address).content.decode()) is sees


def test_a_stranger_cannot_use_anothers_segment_or_goal(places, site: Site, charlie: User, charlies_site: Site) -> None:
    client = Client()
    client.force_login(charlie)
    goal, segment = site.goals.get().pk, site.segments.get().pk
    for query in (f"goal={goal}", f"segment={segment}"):
        html = client.get(f"/sites/{charlies_site.pk}/?{query}").content.decode()
        assert "Visitors: 1" not in html and "Segment: S" not in html


@pytest.mark.parametrize("name", sorted(NAMES))
def test_no_page_runs_anything_inline(name: str, places, alice: User) -> None:
    if name in POSTS | OPEN | {"spy-stream"}:
        return
    client = Client()
    client.force_login(alice)
    response = client.get(places[name])
    html = response.content.decode()
    policy = response["Content-Security-Policy"]
    assert "unsafe" not in policy and "script-src 'self'" in policy
    assert " style=" not in html and "<style" not in html and " onclick=" not in html and "<script>" not in html
