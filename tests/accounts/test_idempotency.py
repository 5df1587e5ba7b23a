"""`Idempotency-Key`: a POST that is sent twice is done once, also when both arrive at the same time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.models import Account, ExposedKey, IdempotentRequest, Membership, Role, User
from accounts.services.idempotency import idempotent_request_claim, idempotent_requests_clear
from accounts.services.personal_tokens import personal_token_create
from goals.models import Goal
from sites.models import ApiKey, Site

pytestmark = pytest.mark.django_db
GOAL = {"name": "Order", "pattern": "/thanks"}


def post(credential: str, path: str, data: object, key: str = "one") -> Any:
    client = Client(headers={"authorization": f"Bearer {credential}", "idempotency-key": key})
    return client.post(f"/api/v1/{path}", data, content_type="application/json")


def test_a_repeated_request_is_done_once_and_answered_alike(account: Account, site: Site) -> None:
    first, second = (post(account.authkey, f"sites/{site.pk}/goals", GOAL) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json() and Goal.objects.count() == 1
    assert second["Idempotency-Replayed"] == "true" and "Idempotency-Replayed" not in first


def test_a_new_keys_plain_text_is_answered_again_and_stored_encrypted(account: Account, site: Site) -> None:
    answers = [post(account.authkey, f"sites/{site.pk}/keys", {"name": "Reports"}).json() for _ in range(2)]
    assert answers[0] == answers[1] and ApiKey.objects.count() == 1
    assert answers[0]["api_key"] not in IdempotentRequest.objects.get().answer


@pytest.mark.parametrize("data", [{**GOAL, "pattern": "/other"}, {"name": "Other", "pattern": "/thanks"}])
def test_the_same_key_with_another_body_is_refused(account: Account, site: Site, data: object) -> None:
    post(account.authkey, f"sites/{site.pk}/goals", GOAL)
    answer = post(account.authkey, f"sites/{site.pk}/goals", data)
    assert answer.status_code == 422 and answer.json()["error"]["code"] == "different_request"
    assert Goal.objects.count() == 1


def test_the_same_key_at_another_address_is_refused(account: Account, site: Site) -> None:
    post(account.authkey, f"sites/{site.pk}/goals", GOAL)
    assert post(account.authkey, f"sites/{site.pk}/funnels", GOAL).status_code == 422


def test_nobody_is_given_the_answer_of_another_or_kept_from_using_the_same_key(
    account: Account, site: Site, alice: User
) -> None:
    member = Membership.objects.get(user=alice)
    tokens = [personal_token_create(membership=member, name="t", scopes=["sites:write"])[1] for _ in range(2)]
    credentials = (account.authkey, member.authkey, *tokens)
    first, again = (
        [post(credential, f"sites/{site.pk}/keys", {"name": "Reports"}) for credential in credentials] for _ in range(2)
    )
    assert [answer.status_code for answer in first] == [201] * 4
    assert len({answer.json()["api_key"] for answer in first}) == 4 == ApiKey.objects.count()
    assert [answer.json() for answer in again] == [answer.json() for answer in first]


def test_another_account_may_use_the_same_key(account: Account, site: Site, charlie: User) -> None:
    other = Account.objects.create(name="Other")
    Membership.objects.create(user=charlie, account=other, role=Role.OWNER, accepted=timezone.now())
    assert post(account.authkey, "sites", {"domain": "one.example"}).status_code == 201
    assert post(other.authkey, "sites", {"domain": "two.example"}).status_code == 201


def test_a_request_that_failed_may_be_corrected_and_sent_again(account: Account, site: Site) -> None:
    assert post(account.authkey, f"sites/{site.pk}/goals", {"name": "Order"}).status_code == 400
    assert post(account.authkey, f"sites/{site.pk}/goals", GOAL).status_code == 201


def test_while_the_first_is_being_answered_a_repetition_is_told_to_wait(account: Account, site: Site) -> None:
    post(account.authkey, f"sites/{site.pk}/goals", GOAL)
    IdempotentRequest.objects.update(status=None)  # as it is while the first is being answered
    answer = post(account.authkey, f"sites/{site.pk}/goals", GOAL)
    assert answer.status_code == 409 and answer.json()["error"]["code"] == "conflict"
    with time_machine.travel(timezone.now() + timedelta(minutes=6), tick=False):  # it was interrupted
        refused = post(account.authkey, f"sites/{site.pk}/goals", GOAL)
        assert refused.status_code == 400 and "already exists" in refused.json()["error"]["message"]


def test_a_key_is_claimed_by_one_request_only(account: Account) -> None:
    now = timezone.now()
    claims = [
        idempotent_request_claim(
            account=account, caller="1", key="one", fingerprint="a", now=now + timedelta(minutes=minutes)
        )
        for minutes in (0, 1, 6, 6)
    ]
    assert [is_first for _, is_first in claims] == [True, False, True, False]


def test_after_a_day_the_key_is_new_and_its_row_deleted(account: Account, site: Site) -> None:
    post(account.authkey, f"sites/{site.pk}/goals", GOAL)
    now = timezone.now()
    assert idempotent_requests_clear(now=now + timedelta(hours=23)) == 0
    with time_machine.travel(now + timedelta(hours=25), tick=False):
        assert post(account.authkey, f"sites/{site.pk}/goals", {**GOAL, "name": "Second"}).status_code == 201
    assert idempotent_requests_clear(now=now + timedelta(hours=50)) == 1


def test_an_answer_without_a_body_is_given_again(account: Account, site: Site) -> None:
    exposed = ExposedKey.objects.create(
        account=account, kind="site", object_id=site.pk, person="Bob", since=timezone.now()
    )
    answers = [post(account.authkey, f"exposed-keys/{exposed.pk}/replace", {}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [204, 204]
    assert answers[1]["Idempotency-Replayed"] == "true" and not answers[1].content


@pytest.mark.parametrize("key", ["", "x" * 256, "caf\u00e9"])
def test_an_invalid_key_is_refused_by_its_name(account: Account, site: Site, key: str) -> None:
    answer = post(account.authkey, f"sites/{site.pk}/goals", GOAL, key)
    assert answer.status_code == 400 and "Idempotency-Key" in answer.json()["error"]["fields"]


def test_the_key_works_for_those_who_log_in_as_well(alice: User, site: Site) -> None:
    client = Client()
    client.force_login(alice)
    path = f"/api/v1/sites/{site.pk}/goals"
    for _ in range(2):
        answer = client.post(path, GOAL, content_type="application/json", headers={"idempotency-key": "one"})
        assert answer.status_code == 201
    assert Goal.objects.count() == 1
