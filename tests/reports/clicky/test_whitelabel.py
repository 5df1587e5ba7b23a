"""Clicky's white-label API: an agency's program manages sites, goals and users by lines of text."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core import mail
from django.core.cache import caches
from django.test import Client

from accounts.audit.models import AuditEntry
from accounts.models import Account, Grant, Invitation, Membership, Role, User
from goals.models import Goal
from reports.clicky.openapi import WHITELABEL_OPERATIONS
from reports.clicky.whitelabel import READS, WRITES
from sites.models import Site

pytestmark = pytest.mark.django_db
Said = Callable[..., list[str]]
INVALID = "7"


@pytest.fixture
def said(account: Account) -> Said:
    """What the API says to a form with the account's key."""
    caches["requests"].clear()

    def send(operation: str, **given: str | int) -> list[str]:
        answer = Client().post(f"/api/whitelabel/{operation}", {"auth": account.authkey, **given})
        assert answer.status_code == 200, answer.content
        return answer.content.decode().splitlines()

    return send


def test_a_site_is_created_changed_and_deleted(account: Account, said: Said) -> None:
    ok, site_id, sitekey, sitekey_admin = said("sites/create", hostname="Shop.example", timezone="Europe/Tallinn")
    site = Site.objects.get(pk=site_id)
    assert (ok, site.account, site.domain, site.timezone) == ("OK", account, "shop.example", "Europe/Tallinn")
    assert (site.sitekey, site.sitekey_admin) == (sitekey, sitekey_admin)
    assert said("sites/update", site_id=site_id, nickname="The shop") == ["OK"]
    site.refresh_from_db()
    assert (site.nickname, site.domain) == ("The shop", "shop.example")
    assert said("sites/delete", site_id=site_id) == ["OK"]
    assert said("sites/update", site_id=site_id, nickname="x") == ["NOK", "3", "Unknown site_id."]


def test_goals_of_pages_and_of_scripts_are_created_changed_listed_and_deleted(site: Site, said: Said) -> None:
    ok, bought = said("goals/create", site_id=site.pk, name="Bought", href="/thanks/*", revenue="12.50")
    _, called = said("goals/create", site_id=site.pk, name="Called")
    goal, by_script = Goal.objects.get(pk=bought), Goal.objects.get(pk=called)
    assert (ok, goal.kind, goal.pattern, goal.pattern_kind) == ("OK", "page", "/thanks/*", "wildcard")
    assert (str(goal.fixed_revenue), by_script.kind, by_script.fixed_revenue) == ("12.5000", "manual", None)
    assert said("goals/update", goal_id=bought, name="Paid", href="/paid", revenue="") == ["OK"]
    goal.refresh_from_db()
    assert (goal.name, goal.pattern, goal.pattern_kind, goal.fixed_revenue) == ("Paid", "/paid", "exact", None)
    assert said("goals", site_id=site.pk) == ["OK", f"{bought} Paid", f"{called} Called"]
    assert said("goals/delete", goal_id=called) == ["OK"]
    assert said("goals/delete", goal_id=called) == ["NOK", "5", "Unknown goal_id."]


def test_a_user_is_invited_to_a_site_found_and_removed(site: Site, alice: User, bob: User, said: Said) -> None:
    assert said("users/create", username="Zoe@example.org", site_id=site.pk, admin=1)[0] == "OK"
    invitation = Invitation.objects.get()
    assert (invitation.email, invitation.role) == ("zoe@example.org", Role.GUEST)
    assert invitation.grants == [["site", site.pk, "write"]] and mail.outbox[-1].to == ["zoe@example.org"]
    found = ["OK", str(bob.pk), bob.email]
    assert said("users/find", username=bob.email.upper()) == said("users/find", user_id=bob.pk) == found
    assert said("users/delete", user_id=bob.pk) == ["OK"]
    assert said("users/find", user_id=bob.pk) == ["NOK", "4", "Unknown user."]
    assert said("users/delete", username=alice.email)[:2] == ["NOK", INVALID], "a key removes no owner"


def test_a_site_is_moved_from_one_guest_to_another(
    site: Site, bob: User, charlie: User, alice: User, said: Said
) -> None:
    account = site.account
    Membership.objects.create(user=charlie, account=account, role=Role.GUEST)
    right = Grant.objects.get(membership__user=bob, kind="site", object_id=site.pk).right
    move = {"site_id": site.pk, "from_user_id": bob.pk, "user_id": charlie.pk}
    assert said("sites/move", **{**move, "user_id": alice.pk}) == ["NOK", "4", "Unknown user."], "she sees all"
    assert said("sites/move", **move) == ["OK"]
    grants = Grant.objects.filter(kind="site", object_id=site.pk, membership__account=account)
    assert list(grants.values_list("membership__user", "right")) == [(charlie.pk, right)]
    assert said("sites/move", **move) == ["NOK", "4", "Unknown user."], "bob does not have it"


@pytest.mark.parametrize(
    ("operation", "given"),
    [("sites/create", {}), ("sites/create", {"hostname": "no host"}), ("users/create", {"username": "nobody"}),
     ("goals/create", {}), ("goals/create", {"name": "x", "revenue": "much"}),
     ("sites/create", {"hostname": "a.example", "timezone": "Nowhere/Land"})],
)  # fmt: skip
def test_an_invalid_value_is_refused_with_a_sentence(
    operation: str, given: dict[str, str], site: Site, said: Said
) -> None:
    nok, number, sentence = said(operation, **{"site_id": site.pk, **given})
    assert (nok, number) == ("NOK", INVALID) and sentence.endswith(".")
    assert Site.objects.count() == 1 and not Goal.objects.exists() and not Invitation.objects.exists()


def test_what_belongs_to_another_account_is_unknown(site: Site, charlies_site: Site, charlie: User, said: Said) -> None:
    theirs = Goal.objects.create(site=charlies_site, name="Theirs", kind="manual")
    for operation in ("sites/update", "sites/delete", "goals", "goals/create", "users/create", "usage"):
        assert said(operation, site_id=charlies_site.pk, name="x", username="z@example.org")[:2] == ["NOK", "3"]
    for operation in ("goals/update", "goals/delete"):
        assert said(operation, goal_id=theirs.pk, name="x")[:2] == ["NOK", "5"]
    for operation in ("users/find", "users/delete"):
        assert said(operation, user_id=charlie.pk)[:2] == said(operation, username=charlie.email)[:2] == ["NOK", "4"]
    assert said("sites/move", site_id=site.pk, from_user_id=charlie.pk, user_id=charlie.pk)[:2] == ["NOK", "4"]
    theirs.refresh_from_db()
    assert theirs.name == "Theirs" and Site.objects.get(pk=charlies_site.pk).deleted is None


@pytest.mark.parametrize("text", ["", "x", "-1", "1e3", "²", "9" * 30, "1 OR 1"])
def test_what_is_no_number_names_nothing(text: str, said: Said) -> None:
    assert said("sites/delete", site_id=text)[1] == "3"
    assert said("goals/delete", goal_id=text)[1] == "5"
    assert said("users/find", user_id=text)[1] == "4"


@pytest.mark.parametrize("operation", WRITES)
def test_what_changes_something_is_sent_by_post(operation: str, site: Site) -> None:
    answer = Client().get(f"/api/whitelabel/{operation}?auth={site.account.authkey}&site_id={site.pk}")
    assert answer.content.decode().splitlines() == ["NOK", "6", "Send this operation by POST."]


def test_the_audit_log_names_the_key_that_did_it(account: Account, said: Said) -> None:
    said("sites/create", hostname="shop.example")
    entry = AuditEntry.objects.get(action="site.created")
    assert (entry.account_id, entry.actor_label, entry.via) == (account.pk, "Authkey of the account", "api")


def test_every_operation_is_described() -> None:
    assert set(WHITELABEL_OPERATIONS) == {"sites", *READS, *WRITES}
