"""Reading waits for no writer: what only reads opens no transaction and sends no statement that writes.

With SQLite every transaction takes the only write lock, so a page that opened one would wait for writers, and a report
that is computed inside one would delay every writer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.exports.models import Export
from accounts.models import Account, Invitation, Role, User
from accounts.notices.models import Notice
from accounts.services.clients import client_create
from accounts.services.plans import plan_create
from accounts.sso.models import SsoConnection, SsoDomain
from goals.services import funnel_save, goal_create, segment_create
from links.clickmeter.operations import OPERATIONS, Operation
from reports.agency.services import site_template_create
from reports.annotations.services import note_add
from reports.sharing.services import share_create
from sites.alerts.models import Channel, Delivery
from sites.services import api_key_create, site_create
from sites.uptime.services import monitor_create
from tests.links.clickmeter.test_operations import filled
from tests.support import NOW, browse, derive_number
from tests.support.clickmeter_client import create_one_of_each, use_account_key
from tests.support.turns import take_turns

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("module_caches")]
WRITES = re.compile(r"^\s*(?:INSERT|UPDATE|DELETE|REPLACE|BEGIN|SAVEPOINT|.*FOR UPDATE)", re.I | re.S)
READS = [operation for operation in OPERATIONS if operation.method == "GET"]


def named(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


def writing(queries: Iterable[dict[str, str]]) -> list[str]:
    """The statements that would take SQLite's lock."""
    return [query["sql"][:200] for query in queries if WRITES.match(query["sql"])]


# What shows or exports secrets and data: that somebody looked is in the audit log
RECORDED = {
    "account/key", "account/own-key", "app/api", "links/export.csv", "sites/<int:site_id>/settings/api-keys/show",
    "operations/billing/<int:webhook_id>/secret", "api/v1/installation/billing-webhooks/<int:webhook_id>/secret",
    "api/v1/sites/<int:site_id>", "GET /account/guests/{guestId}",
}  # fmt: skip


def leave_out_entry(written: list[str]) -> list[str]:
    """Leave out the statements that record one entry, which there must be."""
    assert sum("audit_auditentry" in sql for sql in written) == 1, "it records nothing any more, or too much"
    return [sql for sql in written if "audit_" not in sql and "SAVEPOINT" not in sql]


@pytest.fixture(scope="module")
def world(module_account: Account) -> dict[str, Any]:
    """One of everything that the ClickMeter API knows."""
    return create_one_of_each(module_account, clicked=False)


@pytest.mark.parametrize("operation", READS, ids=named)
def test_no_reading_api_operation_writes(operation: Operation, module_account: Account, world: dict[str, Any]) -> None:
    path, _ = filled(operation, world)
    with CaptureQueriesContext(connection) as asked:
        use_account_key(module_account).get(path)
    written = writing(asked.captured_queries)
    if named(operation) in RECORDED:
        written = leave_out_entry(written)
    assert len(asked) > 0 and written == []


STREAMS = {"sites/<int:site_id>/spy/stream", "links/live/stream"}  # they never end
LEAVES = {"logout", "setup/<str:token>", "digests/stop/<str:token>"}  # of somebody else, or there to be followed once


def addresses(patterns: Any, before: str = "") -> list[str]:
    """Every address of the installation's pages and programs; ClickMeter's are asked above."""
    found: list[str] = []
    for one in patterns:
        route = before + str(one.pattern)
        if isinstance(one, URLResolver):
            found += [] if "clickmeter" in route else addresses(one.url_patterns, route)
        elif isinstance(one, URLPattern) and "^" not in route:
            found.append(route)
    return found


ADDRESSES = [route for route in addresses(get_resolver().url_patterns) if route not in STREAMS | LEAVES]


@pytest.fixture(scope="module")
def place(module_account: Account, world: dict[str, Any]) -> dict[str, Any]:
    """A value for every name in an address."""
    membership = module_account.memberships.get(role=Role.OWNER)
    site, alice = site_create(account=module_account, domain="example.com", by_operator=True), membership.user
    browse(site, "/a", visitor="one", visit=77)
    goal = goal_create(site=site, name="A", kind="page", pattern="/a")
    segment = segment_create(
        site=site, name="S", filter=[{"dimension": "page", "operator": "is", "value": ["/a"]}], owner=alice, shared=True
    )
    funnel = funnel_save(site=site, name="F", steps=[{"page": "/a"}, {"goal": goal.pk}])
    invitation = Invitation.objects.create(account=module_account, email="new@example.org")
    notice = Notice.objects.create(user=alice, account=module_account, kind="quota_used", key="k", created=NOW)
    export = Export.objects.create(account=module_account, membership=membership, kind="sites", created=NOW)
    sso = SsoConnection.objects.create(account=module_account, issuer="http://127.0.0.1:1", client_id="c")
    webhook = Channel.objects.create(kind="webhook", name="Invoices", target="https://a.example/")
    delivery = Delivery.objects.create(channel=webhook, key="k", subject="s", text="t", next_try=NOW)
    return {
        "plan_id": plan_create(name="Pro").pk, "webhook_id": webhook.pk, "delivery_id": delivery.pk,
        "notice_id": notice.pk, "export_id": export.pk,
        "site_id": site.pk, "goal_id": goal.pk, "segment_id": segment.pk, "funnel_id": funnel.pk, "visit": 77,
        "device": derive_number("device", site.pk, "one"), "name": "pages", "tab": "top", "page": "site",
        "slug": "clickmeter",
        "key_id": api_key_create(site=site, name="k")[0].pk, "share_id": share_create(site=site, name="s").pk,
        "monitor_id": monitor_create(site=site, url="https://example.com/", name="m").pk, "frequency": "week",
        "note_id": note_add(site=site, at=NOW, text="n").pk, "member_id": membership.pk,
        "token": invitation.token, "uid": "MQ",
        "datapoint_id": world["link"].pk, "group_id": world["group"].pk, "conversion_id": world["sale"].pk,
        "domain_id": world["domain"].pk, "script_id": world["script"].pk, "operation": "list", "condition": "traffic",
        "invitation_id": 1, "alert_id": 1, "channel_id": 1, "place": 1, "subscription_id": 1, "what": "x",
        "exposed_id": 1, "pending_id": 1, "token_id": 1, "incident_id": 1, "tag_id": 1, "entry_id": 1,
        "connection": sso.slug, "email_domain_id": SsoDomain.objects.create(connection=sso, domain="a.example").pk,
        "passkey_id": 1, "session_id": 1, "widget_id": 1, "account_id": 1, "kind": "logo",
        "client_id": client_create(agency=module_account, name="C").pk,
        "template_id": site_template_create(agency=module_account, name="T", site=site).pk,
    }  # fmt: skip


@pytest.mark.parametrize("route", take_turns(2, ADDRESSES))
def test_no_get_request_of_a_page_writes(route: str, place: dict[str, Any]) -> None:
    alice = User.objects.get(email="alice@example.com")
    address = "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(place[found[1]]), route)
    if "details/" in address:
        address = address.replace("details/pages", "details/page")
    client = Client()
    client.force_login(alice)
    alice.is_operator = True
    alice.save()
    with CaptureQueriesContext(connection) as asked:
        response = client.get(address)
    assert response.status_code in (200, 302, 400, 401, 403, 404, 405), response.status_code
    written = writing(asked.captured_queries)
    if route in RECORDED:
        written = leave_out_entry(written)
    assert written == []
