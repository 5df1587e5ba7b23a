"""Operations of operators: their session and their tokens with the scope reach them, and nobody else's key does."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from accounts.models import OPERATOR_SCOPES, SCOPES, Account, Membership, User
from accounts.plans.models import Plan
from accounts.services.personal_tokens import personal_token_create
from accounts.services.plans import account_plan_set, plan_create
from sites.alerts.models import Channel, Delivery
from sites.models import Site
from tests.config.test_management_resources import count_list_queries
from tests.support.misbehaving_server import MisbehavingServer
from tests.support.traffic import log_in

PATHS = ("plans", "accounts", "billing-webhooks", "billing-deliveries")


@pytest.fixture
def operator(alice: User) -> User:
    alice.is_operator = True
    alice.save()
    return alice


def create_token(user: User, *scopes: str, **more: Any) -> str:
    membership = Membership.objects.get(user=user)
    return personal_token_create(membership=membership, name="t", scopes=scopes, **more)[1]


def call(key: str, method: str, path: str, data: object = None) -> Any:
    client = Client(headers={"authorization": f"Bearer {key}"})
    return getattr(client, method)(f"/api/v1/installation/{path}", data, content_type="application/json")


@pytest.fixture
def key(operator: User) -> str:
    return create_token(operator, "installation:write")


def test_a_billing_system_writes_plans_and_gives_them_to_accounts(key: str, account: Account) -> None:
    made = call(key, "post", "plans", {"name": "Pro", "limits": {"sites": 50}})
    assert made.status_code == 201
    number = made.json()["id"]
    assert made.json()["limits"] == {"sites": 50, "events_refused_at": 120, "api_calls_refused_at": 120}
    changed = call(key, "patch", f"plans/{number}", {"limits": {"sites": None, "seats": 3}}).json()
    assert changed["limits"] == {"events_refused_at": 120, "api_calls_refused_at": 120, "seats": 3}
    given = call(key, "patch", f"accounts/{account.pk}", {"plan": number}).json()
    assert (given["id"], given["plan"], given["events"]["included"]) == (account.pk, number, 0)
    assert call(key, "get", f"plans/{number}").json()["accounts"] == 1
    assert call(key, "delete", f"plans/{number}").status_code == 400
    assert call(key, "patch", f"accounts/{account.pk}", {"plan": None}).json()["plan"] is None
    assert call(key, "delete", f"plans/{number}").status_code == 204 and not Plan.objects.exists()


def test_accounts_are_found_by_name_and_plan(key: str, account: Account, charlies_site: Site) -> None:
    plan = plan_create(name="Pro")
    account_plan_set(account=charlies_site.account, plan=plan)
    assert [row["id"] for row in call(key, "get", "accounts").json()["results"]] == [
        account.pk, charlies_site.account_id,
    ]  # fmt: skip
    assert [row["id"] for row in call(key, "get", f"accounts?plan={plan.pk}").json()["results"]] == [
        charlies_site.account_id
    ]
    assert [row["id"] for row in call(key, "get", f"accounts?name={account.name[:3]}").json()["results"]] == [
        account.pk
    ]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("plans", {"name": ""}, "name"),
        ("plans", {"name": "New", "limits": {"steams": 1}}, "limits"),
        ("plans", {"name": "New", "limits": {"sites": -1}}, "limits"),
        ("plans", {"name": "New", "limits": {"events_refused_at": 50}}, "limits"),
        ("plans", {"name": "New", "limts": {}}, "limts"),
        ("billing-webhooks", {"name": "x", "target": "ftp://a.example/"}, "target"),
        ("billing-webhooks", {"name": "x", "target": "http://169.254.169.254/"}, "target"),
    ],
)
def test_an_invalid_body_is_refused_by_its_field(key: str, path: str, body: dict[str, object], field: str) -> None:
    answer = call(key, "post", path, body)
    assert answer.status_code == 400 and field in str(answer.json()["error"]["fields"]), answer.json()
    assert not Plan.objects.exists() and not Channel.objects.exists()


def test_an_account_gets_only_a_plan_that_there_is(key: str, account: Account) -> None:
    assert call(key, "patch", f"accounts/{account.pk}", {"plan": 99}).status_code == 400
    assert call(key, "patch", "accounts/99", {"plan": None}).status_code == 404


def test_billing_webhooks_and_their_deliveries_are_managed(key: str, server: MisbehavingServer) -> None:
    made = call(key, "post", "billing-webhooks", {"name": "Invoices", "target": f"{server.base}/ok"}).json()
    path = f"billing-webhooks/{made['id']}"
    assert "target" not in made and made["enabled"] is True
    assert call(key, "post", f"{path}/test").json() == {"done": True, "message": "The test message was sent."}
    first = call(key, "get", f"{path}/secret").json()["secret"]
    assert call(key, "post", f"{path}/secret").json()["secret"] != first
    rows = call(key, "get", "billing-deliveries?state=sent").json()["results"]
    assert [(row["webhook"], row["event"], row["attempts"]) for row in rows] == [(made["id"], "Test message", 1)]
    delivery = Delivery.objects.get()
    assert call(key, "post", f"billing-deliveries/{delivery.pk}/repeat").json()["done"] is False
    Delivery.objects.update(state="failed", sent=None)
    assert call(key, "post", f"billing-deliveries/{delivery.pk}/repeat").json()["done"] is True
    assert call(key, "patch", path, {"enabled": False}).json()["enabled"] is False
    assert call(key, "delete", path).status_code == 204 and not Channel.objects.exists()


def create_rows(numbers: range) -> None:
    """More plans with an account each, and webhooks with a delivery each."""
    for number in numbers:
        account = Account.objects.create(name=f"A{number}")
        account_plan_set(account=account, plan=plan_create(name=f"P{number}"))
        webhook = Channel.objects.create(kind="webhook", name=f"W{number}", target="https://a.example/")
        Delivery.objects.create(channel=webhook, key="k", subject="s", text="t", next_try=account.created)


def test_lists_need_as_many_queries_for_many_rows(operator: User) -> None:
    client, counts = log_in(operator), []
    for numbers in (range(3), range(3, 13)):
        create_rows(numbers)
        counts.append([count_list_queries(client, f"installation/{path}") for path in PATHS])
    assert counts[0] == counts[1]


@pytest.mark.parametrize("path", PATHS)
def test_an_operator_reaches_them_logged_in_and_by_a_token_with_the_scope(
    path: str, operator: User, account: Account
) -> None:
    assert log_in(operator).get(f"/api/v1/installation/{path}").status_code == 200
    assert call(create_token(operator, "installation:read"), "get", path).status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_no_other_key_reaches_them(path: str, operator: User, account: Account, site: Site, charlie: User) -> None:
    member = Membership.objects.get(user=operator)
    for other in (account.authkey, member.authkey, create_token(charlie, *SCOPES)):
        assert call(other, "get", path).status_code == 404
    assert call(create_token(operator, *SCOPES), "get", path).status_code == 403
    assert call(create_token(operator, "installation:write", sites=[site.pk]), "get", path).status_code == 404
    assert call("nonsense", "get", path).status_code == 401
    assert Client().get(f"/api/v1/installation/{path}").status_code == 401
    assert log_in(charlie).get(f"/api/v1/installation/{path}").status_code == 404


def test_a_token_that_reads_writes_nothing_and_is_shown_no_secret(operator: User) -> None:
    webhook = Channel.objects.create(kind="webhook", name="x", target="https://a.example/")
    reads = create_token(operator, "installation:read")
    assert call(reads, "post", "plans", {"name": "New"}).status_code == 403
    assert call(reads, "get", f"billing-webhooks/{webhook.pk}/secret").status_code == 403
    assert not Plan.objects.exists()


def test_a_token_ends_when_its_person_is_no_operator_any_more(operator: User, key: str) -> None:
    User.objects.filter(pk=operator.pk).update(is_operator=False)
    assert call(key, "get", "plans").status_code == 404


def test_only_operators_create_tokens_with_the_scope(alice: User, site: Site) -> None:
    for scope in OPERATOR_SCOPES:
        with pytest.raises(ValidationError, match="Choose at least one scope"):
            create_token(alice, scope)
    assert "may_installation" not in log_in(alice).get("/me/tokens").content.decode()


def test_a_webhook_of_an_account_is_none_of_the_installations(key: str, account: Account) -> None:
    own = Channel.objects.create(account=account, kind="webhook", name="ops", target="https://a.example/")
    assert call(key, "get", f"billing-webhooks/{own.pk}").status_code == 404
    assert call(key, "get", "billing-webhooks").json()["results"] == []
