"""No page has inline scripts or styles, which the content security policy forbids."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import URLPattern, reverse
from django.utils import timezone

from accounts.models import User
from goals.services import funnel_save, goal_create, segment_create
from reports.dashboard import urls
from reports.dashboard.goals import urls as goals_urls
from sites.models import Site
from tests.support import browse, derive_number
from tests.support.turns import take_turns
from tests.support.types import Store

FIRST = {"name": "page", "tab": "top"}
POSTS = {
    "segment-save", "segment-forget", "goal-remove", "funnel-remove", "bots-people", "visitor-bot", "visit-bot",
}  # fmt: skip
OPEN = {"theme"}
PATTERNS = [row for row in [*urls.urlpatterns, *goals_urls.urlpatterns] if isinstance(row, URLPattern)]
NAMES = [str(pattern.name) for pattern in PATTERNS]


@pytest.fixture
def places(site: Site, store: Store, alice: User) -> dict[str, str]:
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
        "device": derive_number("device", site.pk, "one"),
    }  # fmt: skip
    found = {}
    for pattern in PATTERNS:
        named = {key: given[key] for key in pattern.pattern.converters}
        if pattern.name == "details":
            named["name"] = "page"
        found[str(pattern.name)] = reverse(f"dashboard:{pattern.name}", kwargs=named)
    return found


@pytest.mark.parametrize("name", take_turns(2, sorted(NAMES)))
def test_no_page_has_inline_scripts_or_styles(name: str, places: dict[str, str], alice: User) -> None:
    if name in POSTS | OPEN | {"spy-stream"}:
        return
    client = Client()
    client.force_login(alice)
    response = client.get(places[name])
    html = response.content.decode()
    policy = response["Content-Security-Policy"]
    assert "unsafe" not in policy and "script-src 'self'" in policy
    assert " style=" not in html and "<style" not in html and " onclick=" not in html and "<script>" not in html
