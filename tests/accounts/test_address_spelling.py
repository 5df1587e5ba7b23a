"""One mailbox has one spelling: a domain written in another way is under the same rules, and of the same person."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.db import connection as database
from django.db.migrations.loader import MigrationLoader
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Account, Invitation, Membership, Role, User
from accounts.services import placeholder_user_get_or_create
from accounts.services.invitations import invitation_create
from accounts.services.sso import covered_sessions_end
from accounts.sso.models import SsoConnection, SsoDomain, SsoFormerMember
from tests.accounts.test_second_factor_demand import open_browser
from tests.accounts.test_sign_up import find_code
from tests.conftest import PASSWORD
from tests.support import read_html
from tests.support.traffic import confirm

UNICODE, ASCII = "bücher.example", "xn--bcher-kva.example"
WIDE = "ａcme.test"  # its first letter is a wide one, which mail servers read as the “a” of acme.test
SPELLINGS = (f"Ida@{UNICODE}", "ida@BÜCHER.example", f"ida@{ASCII}", "ida@ｂücher.example")


@pytest.fixture
def ida(connection: SsoConnection, settings: Settings) -> User:
    """Somebody who signed up with an address of a domain with a letter outside of ASCII."""
    settings.SIGN_UP = "open"
    browser = Client()
    fields = {"name": "Ida", "email": f"ida@{UNICODE}", "password1": PASSWORD, "account_name": "Ida Ltd"}
    assert browser.post("/signup", fields)["Location"] == "/signup/verify"
    browser.post("/signup/verify", {"code": find_code(), "action": "verify"})
    return User.objects.get(name="Ida")


@pytest.fixture
def enforced_for_books(connection: SsoConnection, alice: User) -> SsoConnection:
    """That domain's people log in through alice's provider only."""
    browser = confirm(open_browser(alice), PASSWORD)
    browser.post("/account/sso/domains", {"domain": UNICODE})
    SsoDomain.objects.filter(domain=ASCII).update(verified=timezone.now())
    connection.enforced = True
    connection.save()
    return connection


def list_stored(name: str) -> set[str]:
    """The addresses that are stored of somebody."""
    rows = User.objects.filter(email__startswith=name).values_list("email", flat=True)
    return {*rows, *EmailAddress.objects.filter(email__startswith=name).values_list("email", flat=True)}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_sso_only_holds_for_every_spelling_of_the_domain(
    spelling: str, ida: User, enforced_for_books: SsoConnection
) -> None:
    browser = Client()
    answer = browser.post("/login", {"email": spelling, "password": PASSWORD})
    assert answer["Location"].startswith("/login/sso") and browser.get("/me").status_code == 302
    assert browser.post("/login/sso", {"email": spelling})["Location"].startswith("/login/sso/account-")
    browser.post("/password/reset", {"email": spelling})
    assert mail.outbox[-1].to == [f"ida@{ASCII}"] and "/password/reset/" not in mail.outbox[-1].body


def test_sessions_of_the_domains_people_end(ida: User, enforced_for_books: SsoConnection) -> None:
    browser = open_browser(ida)
    covered_sessions_end(connection=enforced_for_books)
    assert browser.get("/me").status_code == 302


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_one_logs_in_by_every_spelling(spelling: str, ida: User) -> None:
    browser = Client()
    browser.post("/login", {"email": spelling, "password": PASSWORD})
    assert browser.get("/me").status_code == 200
    params = {"username": spelling, "password": PASSWORD, "output": "json"}
    assert "Invalid" not in Client().get("/api/account/sites", params).content.decode()


def test_all_spellings_together_are_guessed_as_often_as_one(ida: User) -> None:
    tries = [*SPELLINGS, SPELLINGS[0], SPELLINGS[1]]
    statuses = [Client().post("/login", {"email": one, "password": "wrong"}).status_code for one in tries]
    assert statuses == [200] * 5 + [429]


def test_another_spelling_opens_no_way_around_sso_only(enforced: SsoConnection, bob: User, settings: Settings) -> None:
    settings.SIGN_UP = "open"
    fields = {"name": "Max", "email": f"max@{WIDE}", "password1": PASSWORD, "account_name": "Max Ltd"}
    assert "log in through single sign-on" in read_html(Client().post("/signup", fields))
    browser = confirm(open_browser(bob), PASSWORD)
    answer = browser.post("/me/email", {"action_add": "", "email": f"bob@{WIDE}"})
    assert "log in through single sign-on" in read_html(answer)
    assert list_stored("max") == set() and list_stored("bob") == {bob.email}


def test_who_is_invited_by_another_spelling_is_the_person_of_the_domain(enforced: SsoConnection, alice: User) -> None:
    by = Membership.objects.get(user=alice)
    invitation = invitation_create(account=enforced.account, email=f"max@{WIDE}", role=Role.VIEWER, by=by)
    assert invitation.email == "max@acme.test"
    assert Client().get(f"/join/{invitation.token}")["Location"].startswith("/login/sso?email=max%40acme.test")
    again = open_browser(alice).post("/account/team", {"email": "zoe@ａcme.test", "role": "viewer"})
    assert "already a member" in read_html(again)


def test_an_address_is_stored_in_one_spelling_wherever_it_comes_from(ida: User, bob: User, account: Account) -> None:
    assert list_stored("ida") == {f"ida@{ASCII}"}
    browser = confirm(open_browser(bob), PASSWORD)
    browser.post("/me/email", {"action_add": "", "email": f"bob@{UNICODE}"})
    browser.post("/signup/verify", {"code": find_code()})
    assert list_stored("bob") == {f"bob@{ASCII}"}
    assert placeholder_user_get_or_create(email=f"pia@{UNICODE}").email == f"pia@{ASCII}"
    assert placeholder_user_get_or_create(email=f"pia@{ASCII}").email == f"pia@{ASCII}"
    invitation = Invitation.objects.create(account=account, email=f"max@{UNICODE}")
    joined = Client()
    joined.post(f"/join/{invitation.token}", {"password": PASSWORD})
    assert list_stored("max") == {f"max@{ASCII}"} and joined.get("/me").status_code == 200


@pytest.mark.parametrize("wrong", ["ida@bücher.example/x", "ida@bücher.example:25", "ida@a＠acme.test", "ida@ß" * 60])
def test_what_is_no_address_becomes_none_by_its_spelling(wrong: str, account: Account, alice: User) -> None:
    open_browser(alice).post("/account/team", {"email": wrong, "role": "viewer"})
    assert not Invitation.objects.exists()


# -- the upgrade --------------------------------------------------------------------------------------------------

BEFORE = [
    ("accounts", "0010_invitation_links_and_sign_up"),
    ("account", "0009_emailaddress_unique_primary_email"),
    ("sso", "0002_former_members"),
]


@pytest.fixture
def old(db: None) -> Any:
    """The models as the version before has them: what they store is stored as it is."""
    return MigrationLoader(database).project_state(BEFORE).apps


def upgrade(old: Any) -> None:
    for name, functions in (
        ("accounts.migrations.0012_one_spelling_of_addresses", ("delete_further_addresses", "respell_addresses")),
        ("accounts.sso.migrations.0003_one_spelling_of_addresses", ("respell_former_members",)),
    ):
        for function in functions:
            getattr(import_module(name), function)(old, None)


def create_old_user(old: Any, email: str, *addresses: tuple[str, bool, bool]) -> int:
    """Store a user as the version before does, with rows of (address, verified, primary); returns the id."""
    user = old.get_model("accounts", "User").objects.create(email=email, password="!")
    for address, verified, primary in addresses or ((email, True, True),):
        old.get_model("account", "EmailAddress").objects.create(
            user=user, email=address, verified=verified, primary=primary
        )
    return int(user.pk)


def list_rows(pk: int) -> list[tuple[str, bool]]:
    return list(EmailAddress.objects.filter(user=pk).order_by("pk").values_list("email", "primary"))


def test_the_upgrade_keeps_one_address_of_each_user(old: Any) -> None:
    more = create_old_user(
        old, "a@x.test", ("a@x.test", True, True), ("b@acme.test", True, False), ("c@acme.test", False, False)
    )
    signing_up = create_old_user(old, "d@x.test", ("d@x.test", False, False))
    nowhere = create_old_user(old, "e@x.test", ("f@x.test", True, False))
    upgrade(old)
    assert list_rows(more) == [("a@x.test", True)] and list_rows(signing_up) == [("d@x.test", False)]
    assert list_rows(nowhere) == [("f@x.test", False)], "without a row they would count as verified"


def test_the_upgrade_leaves_a_change_of_address_that_an_old_process_makes_meanwhile(old: Any) -> None:
    changing = create_old_user(old, "a@x.test", ("a@x.test", True, False), ("new@x.test", True, True))
    upgrade(old)
    assert list_rows(changing) == [("a@x.test", False), ("new@x.test", True)]


def test_the_upgrade_stores_one_spelling_and_may_be_run_again(old: Any, account: Account) -> None:
    one, same = create_old_user(old, f"a@{UNICODE}"), create_old_user(old, f"b@{ASCII}")
    other = create_old_user(old, f"b@{UNICODE}")
    EmailAddress.objects.filter(user=same).delete()  # as of somebody who was only invited
    old.get_model("accounts", "Invitation").objects.create(
        account_id=account.pk, email=f"c@{UNICODE}", token_hash="t", expires=timezone.now()
    )
    connection = SsoConnection.objects.create(account=account, issuer="https://login.acme.test", client_id="c-1")
    for email, role in ((f"d@{UNICODE}", ""), (f"d@{ASCII}", "viewer"), (f"e@{UNICODE}", "guest")):
        old.get_model("sso", "SsoFormerMember").objects.create(
            connection_id=connection.pk, email=email, role=role, at=timezone.now()
        )
    upgrade(old)
    late = create_old_user(old, f"late@{UNICODE}")  # by a process of the version before
    upgrade(old)
    emails = dict(User.objects.values_list("pk", "email"))
    assert (emails[one], emails[same], emails[late]) == (f"a@{ASCII}", f"b@{ASCII}", f"late@{ASCII}")
    assert emails[other] == f"b@{UNICODE}", "another user has it already"
    assert list_rows(one) == [(f"a@{ASCII}", True)] and list_rows(other) == [(f"b@{UNICODE}", True)]
    assert Invitation.objects.get().email == f"c@{ASCII}"
    left = SsoFormerMember.objects.order_by("email").values_list("email", "role")
    assert list(left) == [(f"d@{ASCII}", ""), (f"e@{ASCII}", "guest")]


def test_an_address_that_an_old_process_stored_of_somebody_else_keeps_nobody_out(old: Any, account: Account) -> None:
    create_old_user(old, "a@x.test", ("a@x.test", True, True), ("max@private.test", True, False))
    invitation = Invitation.objects.create(account=account, email="max@private.test")
    browser = Client()
    browser.post(f"/join/{invitation.token}", {"password": PASSWORD})
    assert browser.get("/me").status_code == 200
    assert EmailAddress.objects.get(email="max@private.test").user.email == "max@private.test"
