"""schemathesis against the OpenAPI descriptions: no 500, and no response that is not described."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import schemathesis
from django.contrib.sessions.models import Session
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.utils import timezone
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.exports.models import Export
from accounts.models import Account, ExposedKey, Invitation, Membership, User
from accounts.notices.models import Notice
from accounts.services.clients import client_create
from accounts.sso.models import SsoConnection, SsoDomain
from goals.services import funnel_save, goal_create, segment_create
from links.models import ListKind
from links.services.conversions import conversion_create
from links.services.domains import domain_create
from links.services.groups import group_create, tag_create
from links.services.links import datapoint_create
from links.services.scripts_and_lists import entry_create, script_write
from reports.agency.services import site_template_create
from reports.annotations.services import note_add
from reports.digests.services import subscription_save
from reports.onsite.services import widget_open
from reports.sharing.services import share_create
from sites import site_cache
from sites.alerts.models import Alert, Channel
from sites.alerts.services import alert_save
from sites.models import Site
from sites.services import api_key_create
from sites.uptime.models import Incident
from sites.uptime.services import monitor_create
from tests.config.test_openapi_document import DESCRIPTIONS
from tests.conftest import PASSWORD
from tests.permissions.routes import OPERATORS_ROWS
from tests.support.types import Store

pytestmark = [pytest.mark.django_db, pytest.mark.heavy]
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
READS = r"^/api/(query|realtime|goals|ledger|tech|pages|sources|referrers|countries|campaigns|utm-.*|e.*-pages)$"
EXAMPLES = settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
SCHEMAS = {
    name: schemathesis.openapi.from_wsgi(f"/{route}", get_wsgi_application()) for name, route in DESCRIPTIONS.items()
}


@pytest.fixture(autouse=True)
def unlimited(site: Site, store: Store) -> Iterator[None]:
    """No limit per minute; and, as with Django's own test client, a request does not close the test's database."""
    site.account.limits = {"clickport_per_minute": 0, "clicky_per_minute": 0}
    site.account.save()
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@SCHEMAS["query"].include(path_regex=READS).parametrize()
@settings(EXAMPLES, max_examples=12)
def test_the_query_api_conforms_to_its_openapi_description(case: Any, api_key: str) -> None:
    case.call_and_validate(headers={"x-api-key": api_key, "accept-encoding": "identity"}, checks=CHECKS)


@pytest.fixture
def ids(account: Account, site: Site, alice: User, bob: User) -> dict[str, int | str]:
    """An existing row for each parameter of the addresses, but for rows of the installation, which no account reads."""
    exposed = ExposedKey.objects.create(account=account, kind="site", object_id=site.pk, person="B", since=site.created)
    key = api_key_create(site=site, name="Reader")[0]
    member = Membership.objects.get(user=bob)
    monitor = monitor_create(site=site, url="https://a.example/")
    channel = Channel.objects.create(account=account, kind="webhook", name="hook", target="https://a.example/")
    goal = goal_create(site=site, name="Order", pattern="/thanks")
    where = [{"dimension": "page", "operator": "is", "value": ["/"]}]
    connection = SsoConnection.objects.create(account=account, issuer="http://127.0.0.1:1", client_id="c")
    return {
        "site_id": site.pk, "key_id": key.pk, "member_id": member.pk, "exposed_id": exposed.pk, "goal_id": goal.pk,
        "funnel_id": funnel_save(site=site, name="Shop", steps=[{"page": "/"}, {"goal": goal.pk}]).pk,
        "segment_id": segment_create(site=site, name="Home", filter=where, shared=True).pk,
        "note_id": note_add(site=site, at=site.created, text="New").pk,
        "share_id": share_create(site=site, name="Client").pk, "widget_id": create_open_widget(site, alice),
        "monitor_id": monitor.pk,
        "incident_id": Incident.objects.create(monitor=monitor, start=site.created, cause="Status 502").pk,
        "channel_id": channel.pk,
        "alert_id": alert_save(alert=Alert(site=site, name="a", condition="uptime"), parameters={}, channels=[]).pk,
        **create_link_rows(account),
        "invitation_id": Invitation.objects.create(account=account, email="zoe@example.org").pk,
        "notice_id": Notice.objects.create(user=alice, kind="quota_used", key="a", created=site.created).pk,
        "export_id": Export.objects.create(account=account, kind="sites", created=site.created).pk,
        "email_domain_id": SsoDomain.objects.create(connection=connection, domain="a.example").pk,
        **OPERATORS_ROWS, "account_id": account.pk, "kind": "logo",
        "device": 1, "visit": 1, "client_id": client_create(agency=account, name="Shop").pk,
        "template_id": site_template_create(agency=account, name="Shops", site=site).pk,
        "subscription_id": subscription_save(user=alice, frequency="week", sites=[site], attach_csv=False).pk,
    }  # fmt: skip


def create_open_widget(site: Site, user: User) -> int:
    """An open widget, of a log-in that has not ended."""
    until = timezone.now() + timedelta(days=1)
    log_in = Session.objects.create(session_key="open-widget", expire_date=until)
    widget_open(site=site, user=user, login=log_in.pk, origin="https://example.com", now=timezone.now())
    return site.widget_sessions.get().pk


def create_link_rows(account: Account) -> dict[str, int]:
    """A link and one of everything that links use."""
    return {
        "datapoint_id": datapoint_create(account=account, url="https://a.example/").pk,
        "group_id": group_create(account=account, name="Spring").pk,
        "tag_id": tag_create(account=account, name="new").pk,
        "conversion_id": conversion_create(account=account, name="Order").pk,
        "domain_id": domain_create(account=account, name="go.example.org").pk,
        "script_id": script_write(account=account, name="Pixel", text="track()").pk,
        "entry_id": entry_create(account=account, listing=ListKind.BLACKLIST, value="192.0.2.7").pk,
    }


@SCHEMAS["management"].parametrize()
@settings(EXAMPLES, max_examples=4)
def test_the_management_api_conforms_to_its_openapi_description(
    case: Any, account: Account, ids: dict[str, int | str]
) -> None:
    headers = {"authorization": f"Bearer {account.authkey}", "accept-encoding": "identity"}
    for name, value in (case.path_parameters or {}).items():
        if str(value).isdigit():  # a number at random is nobody's id
            case.path_parameters[name] = ids[name]
    case.call_and_validate(headers=headers, checks=CHECKS)


@SCHEMAS["stats"].parametrize()
@settings(EXAMPLES, max_examples=10)
def test_clickys_apis_conform_to_their_openapi_description(
    case: Any, account: Account, alice: User, site: Site
) -> None:
    site_cache.refresh()
    keys = {
        "stats": {"site_id": str(site.pk), "sitekey": site.sitekey},
        "account_sites": {"username": alice.email, "password": PASSWORD},
        "whitelabel": {"auth": account.authkey},
    }[case.operation.definition.raw["operationId"].removesuffix("_form")]
    if case.method == "POST" and isinstance(case.body, dict):
        case.body = {**case.body, **keys}
    case.query = {**(case.query or {}), **keys}
    case.call_and_validate(headers={"accept-encoding": "identity"}, checks=CHECKS)
