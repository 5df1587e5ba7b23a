"""The documentation: example calls work, lists equal the registries, and OpenAPI describes the responses."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
import yaml
from django.core.cache import caches
from django.test import Client
from django.urls import resolve

from accounts.models import Account
from config.periodic_tasks import PERIODIC_TASKS
from goals.models import GoalKind
from links.clickmeter.operations import OPERATIONS
from links.models import Mode
from reports.clickport.breakdowns import BREAKDOWNS
from reports.clickport.vocabulary import DIMENSION_NAMES, METRIC_NAMES
from reports.clicky.types import TYPES
from reports.docs import CHAPTERS
from reports.openapi import MANAGEMENT_API, list_operations
from reports.query.dimensions import DIMENSIONS
from reports.query.metrics import METRICS
from sites import site_cache
from sites.alerts.condition_registry import CONDITIONS
from sites.models import AddressPolicy, CookiePolicy, Site
from sites.services import site_update
from sites.settings_fields import TRACKER_SETTINGS
from tests.support.curl import parse_call
from tests.support.endpoints import send_request
from tests.support.types import Store
from tracking.event import REASONS

pytestmark = pytest.mark.django_db
CALL = re.compile(r'<pre class="call"><code>(.*?)</code></pre>', re.DOTALL)


def page(path: str) -> str:
    answer = Client().get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def calls(path: str) -> list[str]:
    found = [html.unescape(text) for text in CALL.findall(page(path))]
    assert found
    return found


def test_every_example_call_of_the_query_api_works(site: Site, api_key: str, store: Store) -> None:
    for text in calls("/docs/clickport"):
        call = parse_call(text.replace("ck_your_key", api_key))
        if call.path == "/api/event":
            headers = {name.lower(): value for name, value in call.headers.items()}
            answer = send_request(call.path, method="POST", body=call.body.encode(), headers={**headers, "referer": ""})
            assert (answer.status, answer.json()["success"], answer.dropped) == (200, True, ""), text
        else:
            assert call.run().status_code == 200, text


def test_every_example_call_of_the_stats_api_works(site: Site, store: Store) -> None:
    for text in calls("/docs/clicky"):
        caches["requests"].clear()
        text = text.replace("YOUR_SITE_ID", str(site.pk)).replace("YOUR_SITE_KEY", site.sitekey)
        answer = parse_call(text).run()
        assert answer.status_code == 200 and b"error" not in answer.content, text


def test_every_example_call_of_the_management_api_works(account: Account, site: Site) -> None:
    for text in calls("/docs/management"):
        given = text.replace("YOUR_KEY", account.authkey).replace("YOUR_SITE_ID", str(site.pk))
        assert parse_call(given).run().status_code == 200, text


@pytest.mark.parametrize("slug", ["query-reference", "stats-reference", "management-reference", "links-reference"])
def test_a_reference_is_drawn_from_a_description_by_a_viewer_of_our_own(slug: str) -> None:
    answer = Client().get(f"/docs/{slug}")
    said, policy = answer.content.decode(), answer["Content-Security-Policy"]
    given = re.search(r'data-openapi="([^"]+)"', said)
    assert given and Client().get(given[1]).json()["openapi"].startswith("3.")
    assert "unsafe" not in policy and "script-src 'self'; style-src 'self'" in policy
    assert "<style" not in said and " style=" not in said and "<script>" not in said
    loaded = re.findall(r'<(?:script|link rel="(?:stylesheet|modulepreload)")[^>]*?(?:src|href)="([^"]+)"', said)
    assert loaded and all(address.startswith("/static/") for address in loaded)
    assert any("vendor/swagger-ui-bundle.js" in address for address in loaded)


def test_the_api_pages_list_every_metric_dimension_and_type() -> None:
    said = page("/docs/clickport")
    for word in [*METRIC_NAMES, *DIMENSION_NAMES, *(f"/api/{name}" for name in BREAKDOWNS)]:
        assert f"<code>{word}</code>" in said, word
    assert all(f"<code>{word}</code>" in page("/docs/clicky") for word in TYPES)


def test_every_documentation_page_opens_and_links_only_to_existing_urls() -> None:
    front = page("/docs/")
    slugs = [one.slug for pages in CHAPTERS.values() for one in pages]
    assert len(slugs) == len(set(slugs)) >= 12
    for slug in slugs:
        assert f'href="/docs/{slug}"' in front
        for address in set(re.findall(r'href="(/[^"#?]*)', page(f"/docs/{slug}"))):
            if not address.startswith(("/static/", "/healthz")):  # answered before Django
                resolve(address)
    assert Client().get("/docs/nothing").status_code == 404


def test_the_pages_list_every_row_of_their_registries() -> None:
    told = {
        "numbers": [f"<code>{name}</code>" for name in [*METRICS, *DIMENSIONS]],
        "server": [f"<code>{reason}</code>" for reason in REASONS],
        "watching": [html.escape(row.label, quote=False) for row in CONDITIONS.values()],
        "dashboard": [f"<code>{kind}</code>" for kind in GoalKind.values],
        "links": [mode.label for mode in Mode],
        "clickmeter": [f"<code>{one.method} {one.path}</code>" for one in OPERATIONS],
        "management": [f"<code>{one.call}</code>" for one in list_operations(MANAGEMENT_API)],
        "running": [row.name for row in PERIODIC_TASKS],
        "tracker": [f"<code>{name}</code>" for name, row in TRACKER_SETTINGS.items() if row.metadata["label"]],
        "privacy": [choice.label for choice in [*AddressPolicy, *CookiePolicy]],
    }
    for slug, words in told.items():
        said = page(f"/docs/{slug}")
        assert [word for word in words if word not in said] == [], slug


def test_every_example_call_of_the_server_page_is_stored(site: Site, store: Store) -> None:
    for text in calls("/docs/server"):
        given = text.replace("YOUR_SITE_ID", str(site.pk)).replace("YOUR_ADMIN_KEY", site.sitekey_admin)
        path, _, query = parse_call(given).path.partition("?")
        answer = send_request(path, query)
        assert answer.body.startswith(b"OK "), answer.body


def test_every_tracker_setting_is_documented() -> None:
    said = page("/docs/tracker")
    source = "".join(path.read_text() for path in Path("static/tracker/src").glob("*.js"))
    read = set(re.findall(r"custom\(\)\.(\w+)|(?<!/)\bsettings\.(\w+)", source))
    words = {first or second for first, second in read}
    words |= {f"{feature}_disable" for feature in re.findall(r"\b(?:isOff|isReportable)\(\"(\w+)\"", source)}
    assert sorted(word for word in words if f"<code>{word}</code>" not in said) == ["iframe"]  # short for track_iframe


def test_the_documentation_contains_the_host_of_the_request() -> None:
    answer = Client().get("/docs/clicky", headers={"host": "stats.agency.example"})
    assert b"http://stats.agency.example/api/stats/4" in answer.content


def test_openapi_describes_every_endpoint_with_its_key() -> None:
    answer = Client().get("/api/schema/")
    said = yaml.safe_load(answer.content)
    paths = {"/api/query", "/api/realtime", "/api/goals", "/api/ledger", "/api/tech"}
    assert paths | {f"/api/{name}" for name in BREAKDOWNS} <= set(said["paths"])
    assert said["paths"]["/api/query"]["post"]["security"] == [{"key": []}]
    assert said["components"]["securitySchemes"]["key"]["name"] == "x-api-key"
    assert set(said["paths"]["/api/pages"]["get"]["responses"]) >= {"200", "400", "401", "403", "429"}


def test_the_stats_api_uses_the_sites_time_zone(site: Site, store: Store) -> None:
    site_update(site=site, timezone="Pacific/Kiritimati")
    site_cache.refresh()
    given = {"site_id": str(site.pk), "sitekey": site.sitekey, "type": "visitors", "output": "json"}
    assert Client().get("/api/stats/4", given).json()[0]["dates"]
