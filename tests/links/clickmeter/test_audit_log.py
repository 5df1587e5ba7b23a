"""Every operation of the link API that writes leaves an entry in the account's audit log."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.audit.models import AuditEntry
from accounts.models import Account
from links.clickmeter.operations import OPERATIONS, Operation
from links.services.guests import guest_create
from tests.links.clickmeter.test_operations import filled, named
from tests.support.clickmeter_client import Program, create_one_of_each, use_account_key

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("module_caches")]
WRITES = [operation for operation in OPERATIONS if operation.method != "GET"]
UNCHANGED = {"PUT /conversions/{conversionId}/datapoints/patch": "the link has the conversion already"}


@pytest.fixture(scope="module")
def owner(module_account: Account) -> Program:
    """Alice's programs."""
    return use_account_key(module_account)


@pytest.fixture(scope="module")
def world(module_account: Account) -> dict[str, Any]:
    """One of everything, with numbers."""
    return create_one_of_each(module_account)


def test_answers_with_keys_of_guests_are_recorded_once_each(owner: Program, module_account: Account) -> None:
    guests = [guest_create(account=module_account, email=f"{name}@example.org") for name in ("zoe", "yan")]
    shown = AuditEntry.objects.filter(action="own_key.shown").order_by("pk")
    before = shown.count()
    owner.json("GET", "/account/guests")
    owner.json("GET", "/account/guests/count")
    assert shown.count() == before, "references have no keys"
    listed = owner.json("GET", "/account/guests?_expand=true&limit=100")["entities"]
    assert {guest.authkey for guest in guests} <= {row["apiKey"] for row in listed}
    owner.json("GET", f"/account/guests/{guests[0].pk}")
    entries = list(shown)[before:]
    assert [entry.target_label for entry in entries] == [f"{len(listed)} guests", guests[0].display_name]
    assert {entry.account_id for entry in entries} == {module_account.pk}


@pytest.mark.parametrize("operation", WRITES, ids=named)
def test_every_write_is_recorded(
    operation: Operation, owner: Program, world: dict[str, Any], module_account: Account
) -> None:
    path, body = filled(operation, world)
    newest = AuditEntry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    owner.json(operation.method, path, body)
    entries = AuditEntry.objects.filter(pk__gt=newest)
    if named(operation) in UNCHANGED:
        assert not entries.exists()
        return
    assert {(entry.account_id, entry.actor_type, entry.actor_id, entry.via) for entry in entries} == {
        (module_account.pk, "key", module_account.pk, "api")
    }
