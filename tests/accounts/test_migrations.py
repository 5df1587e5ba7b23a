"""What an installation that had people before keeps, and what it takes back."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.hashers import check_password, make_password
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client

from accounts.models import Invitation, Membership, User
from accounts.permissions import find_bearer

BEFORE, AFTER = [("accounts", "0005_account_usage")], [("accounts", "0008_exposed_keys")]
CREATED = datetime(2026, 1, 5, tzinfo=UTC)
PASSWORD = "a long enough password"


def migrate(target: list[tuple[str, str]]) -> Any:
    executor = MigrationExecutor(connection)
    executor.migrate(target)
    return executor.loader.project_state(target).apps


@pytest.fixture
def old(transactional_db: None) -> Any:
    """The models of an installation before memberships waited for acceptance."""
    yield migrate(BEFORE)
    newest = MigrationExecutor(connection).loader.graph.leaf_nodes()
    migrate(newest)


@pytest.mark.django_db(transaction=True)
def test_people_who_came_stay_and_guests_who_never_did_are_asked(old: Any) -> None:
    user, account, membership = (old.get_model("accounts", name) for name in ("User", "Account", "Membership"))
    here = account.objects.create(name="Here")

    def join(name: str, role: str = "guest", came: bool = False, options: Any = None, hash: str = "") -> Any:
        login = CREATED if came else None
        person = user.objects.create(email=f"{name}@example.org", password=make_password(PASSWORD), last_login=login)
        row = membership.objects.create(user=person, account=here, role=role, options=options or {}, authkey_hash=hash)
        membership.objects.filter(pk=row.pk).update(created=CREATED)
        return row

    join("owner", "owner")
    join("came", came=True, options={"guestName": "C"})
    join("invited-guest")
    key = Membership(pk=join("made", options={"guestName": "M"}).pk).authkey
    both = join("both", options={"guestName": "B"})
    membership.objects.create(user=both.user, account=account.objects.create(name="Own"), role="owner")
    old.get_model("accounts", "Invitation").objects.create(
        account=here, email="x@example.org", role="viewer", token="t" * 40
    )
    migrate(AFTER)

    pending = set(Membership.objects.pending().values_list("user__email", flat=True))
    assert pending == {"made@example.org", "both@example.org"}
    assert set(Membership.objects.accepted().filter(account_id=here.pk).values_list("accepted", flat=True)) == {CREATED}
    usable = {row.email.partition("@")[0] for row in User.objects.all() if check_password(PASSWORD, row.password)}
    assert usable == {"owner", "came", "invited-guest", "both"}, "both has an account of their own"
    Membership.objects.get(user__email="made@example.org").save()  # its hash was not written by the old models
    assert find_bearer(key), "a guest's own key goes on"
    assert Client().get(f"/join/{'t' * 40}").status_code == 200, "an open link goes on"
    assert "t" * 40 not in str(list(Invitation.objects.values()))
