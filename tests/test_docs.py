"""The documentation: its calls run, its words are those of the registries, and OpenAPI says what is answered."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
import yaml
from django.core.cache import cache
from django.test import Client

from reports.clickport.breakdowns import BREAKDOWNS
from reports.clickport.names import OUR_DIMENSION, OUR_METRIC
from reports.clicky.tallies import TALLIES
from sites import known
from sites.models import Site
from sites.services import site_update
from tests.curl import parsed
from tests.doors import knock

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


def test_every_call_of_the_query_api_s_page_runs(site: Site, api_key: str, store: Any) -> None:
    for text in calls("/docs/clickport"):
        call = parsed(text.replace("ck_your_key", api_key))
        if call.path == "/api/event":
            headers = {name.lower(): value for name, value in call.headers.items()}
            answer = knock(call.path, method="POST", body=call.body.encode(), headers={**headers, "referer": ""})
            assert (answer.status, answer.json()["success"], answer.dropped) == (200, True, ""), text
        else:
            assert call.run().status_code == 200, text


def test_every_call_of_the_stats_api_s_page_runs(site: Site, store: Any) -> None:
    for text in calls("/docs/clicky"):
        cache.clear()
        text = text.replace("YOUR_SITE_ID", str(site.pk)).replace("YOUR_SITE_KEY", site.sitekey)
        answer = parsed(text).run()
        assert answer.status_code == 200 and b"error" not in answer.content, text


def test_the_pages_name_every_word_there_is() -> None:
    said = page("/docs/clickport")
    for word in [*OUR_METRIC, *OUR_DIMENSION, *(f"/api/{name}" for name in BREAKDOWNS)]:
        assert f"<code>{word}</code>" in said, word
    assert all(f"<code>{word}</code>" in page("/docs/clicky") for word in TALLIES)


def test_the_documentation_names_the_host_it_was_asked_at() -> None:
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


def test_a_site_s_days_are_asked_in_its_own_zone(site: Site, store: Any) -> None:
    site_update(site=site, timezone="Pacific/Kiritimati")
    known.refresh()
    given = {"site_id": site.pk, "sitekey": site.sitekey, "type": "visitors", "output": "json"}
    assert Client().get("/api/stats/4", given).json()[0]["dates"]
