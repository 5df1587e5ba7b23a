"""Every type of the Clicky Stats API answers as recorded, in json, xml, php and csv; so do its other addresses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import caches
from django.test import Client

from goals.services import goal_create
from reports.clicky import types
from reports.clicky.outputs import RENDERERS
from sites import site_cache
from tests.conftest import PASSWORD
from tests.contract.golden_files import check_golden, check_names, describe_response
from tests.contract.test_documented_calls import traffic
from tests.support.clicky_client import Clicky

pytestmark = pytest.mark.django_db
TYPES = sorted(types.TYPES)
OUTPUTS = sorted(RENDERERS)
UNKNOWN = "0123456789abcdef"
OTHERS: dict[str, dict[str, str]] = {
    "unknown type": {"type": "nonsense"},
    "unknown type beside a known one": {"type": "visitors,nonsense"},
    "no type": {"type": ""},
    "nonsense for dates": {"date": "nonsense"},
    "too many days": {"type": "visitors-list", "date": "last-60-days"},
    "nonsense for numbers": {"type": "pages", "limit": "nonsense", "page": "-1", "daily": "x", "hourly": "x"},
    "several types": {"type": "visitors,pages,visitors-list", "date": "yesterday", "limit": "1"},
    "segmentation": {"type": "segmentation", "segments": "visitors,pages", "country": "EE", "date": "yesterday"},
    "people narrowed": {"type": "visitors-list", "browser": "Firefox", "date": "yesterday"},
    "wrapped": {"json_callback": "told"},
    "a variable": {"json_var": "told"},
}


@pytest.fixture(scope="module")
def tenants(people: Any) -> Any:
    """Both accounts: on alice's site two goals, the traffic of a day and somebody online; nobody on charlie's."""
    goal_create(site=people.site, name="Contact Form", kind="form", pattern="contact", id=1)
    goal_create(site=people.site, name="Purchase", kind="event", pattern="Purchase", id=2)
    traffic(people.site)
    return people


@pytest.fixture(autouse=True)
def fresh_caches(tenants: Any) -> Iterator[None]:
    """Sites and keys are known; nobody has asked too often."""
    site_cache.refresh()
    caches["throttles"].clear()
    yield
    caches["throttles"].clear()


def record_stats(tenants: Any, type: str, **given: str) -> dict[str, Any]:
    """One question to the Stats API and its answer."""
    response = Clicky(tenants.site).raw(type, **given)
    return {"request": {"type": type, **given}, "answer": describe_response(response)}


def list_calls(tenants: Any, type: str) -> dict[str, Any]:
    """Yesterday in every output, three days and the hours of one, and what strangers and nonsense get."""
    calls = {f"good, {output}": record_stats(tenants, type, output=output, date="yesterday") for output in OUTPUTS}
    for name, given in (
        ("days", {"date": "last-3-days", "daily": "1"}),
        ("hours", {"date": "yesterday", "hourly": "1"}),
        ("today, one row", {"date": "today", "limit": "1"}),
    ):
        for output in ("json", "xml") if name == "hours" else ("json",):
            calls[f"good, {name}, {output}"] = record_stats(tenants, type, output=output, **given)
    calls["bad, dates"] = record_stats(tenants, type, output="json", date="1900-01-01,2999-01-01")
    wrong, theirs = {"sitekey": UNKNOWN}, {"sitekey": tenants.theirs.sitekey}
    calls["unknown key"] = record_stats(tenants, type, output="json", **wrong)
    calls["stranger"] = record_stats(tenants, type, output="json", **theirs)
    return calls


@pytest.mark.parametrize("type", TYPES)
def test_a_type_answers_as_it_was_recorded(tenants: Any, type: str) -> None:
    check_golden(f"clicky/types/{type}", f"Clicky's type {type}", list_calls(tenants, type))


@pytest.mark.parametrize("output", OUTPUTS)
def test_errors_and_other_requests_answer_as_they_were_recorded(tenants: Any, output: str) -> None:
    calls = {}
    for name, given in OTHERS.items():
        asked = {"output": output, **given}
        calls[name] = record_stats(tenants, asked.pop("type", "visitors"), **asked)
    for name, key in (("no key", ""), ("unknown key", UNKNOWN), ("stranger", tenants.theirs.sitekey)):
        calls[name] = record_stats(tenants, "visitors", output=output, sitekey=key)
    calls["unknown site"] = record_stats(tenants, "visitors", output=output, site_id="987654321")
    calls["no site"] = record_stats(tenants, "visitors", output=output, site_id="nonsense")
    check_golden(f"clicky/others/{output}", f"Clicky's errors and other questions as {output}", calls)


def record_call(path: str, given: dict[str, str]) -> dict[str, Any]:
    """One reading of an address beside the Stats API."""
    caches["requests"].clear()
    caches["throttles"].clear()
    response = Client().get(path, given)
    found = describe_response(response)
    if "Location" in response.headers:
        found["location"] = response.headers["Location"]
    return {"request": {"address": path, **given}, "answer": found}


def test_the_account_s_sites_answer_as_they_were_recorded(tenants: Any) -> None:
    mine = {"username": tenants.alice.email, "password": PASSWORD}
    calls = {f"good, {output}": record_call("/api/account/sites", {**mine, "output": output}) for output in OUTPUTS}
    for output in OUTPUTS:
        wrong = {**mine, "password": "nonsense", "output": output}
        calls[f"bad, {output}"] = record_call("/api/account/sites", wrong)
    theirs = {**mine, "username": tenants.charlie.email, "output": "json"}
    calls["stranger"] = record_call("/api/account/sites", theirs)
    check_golden("clicky/account_sites", "Clicky's /api/account/sites", calls)


def test_the_white_label_api_answers_as_it_was_recorded(tenants: Any) -> None:
    calls = {}
    for operation in ("sites", "usage", "nonsense"):
        for name, key in (("good", tenants.account.authkey), ("stranger", tenants.other.authkey), ("bad", UNKNOWN)):
            calls[f"{operation}, {name}"] = record_call(f"/api/whitelabel/{operation}", {"auth": key})
    own, theirs = {"auth": tenants.account.authkey}, {"auth": tenants.other.authkey}
    number = {"site_id": str(tenants.site.pk)}
    calls["usage of a site, good"] = record_call("/api/whitelabel/usage", {**own, **number})
    calls["usage of a site, stranger"] = record_call("/api/whitelabel/usage", {**theirs, **number})
    calls["usage of a site, bad"] = record_call("/api/whitelabel/usage", {**own, "site_id": "nonsense"})
    check_golden("clicky/whitelabel", "Clicky's white-label API", calls)


def test_every_type_has_a_golden_file_and_every_file_a_type() -> None:
    others = [*(f"others/{output}" for output in OUTPUTS), "account_sites", "whitelabel"]
    check_names("clicky", [f"clicky/{name}" for name in [*(f"types/{type}" for type in TYPES), *others]])
