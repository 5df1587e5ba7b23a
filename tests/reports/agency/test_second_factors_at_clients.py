"""A client that requires a second factor: people of its agency without one reach nothing of it, by any page."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.clients.models import ClientAccount
from accounts.models import Account, Membership, Role, User
from accounts.services.personal_tokens import personal_token_create
from accounts.sso.rules import SSO_ACCOUNT
from sites import site_cache
from sites.models import Site
from tests.accounts.test_second_factor_demand import add_factor
from tests.conftest import member
from tests.support import log_in, read_html

SET_ONE_UP = "/me/security"
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store")]


@pytest.fixture
def client(client: ClientAccount) -> ClientAccount:
    """It requires a second factor, which alice has not."""
    Account.objects.filter(pk=client.pk).update(second_factor_required=True)
    site_cache.refresh()
    return client


def test_the_view_as_a_client_is_no_way_around_it(inside: Client, client: ClientAccount, zoo: Site) -> None:
    assert inside.post(f"/clients/{client.pk}/view").status_code == 404
    assert inside.get(f"/sites/{zoo.pk}/")["Location"] == SET_ONE_UP
    assert "zoo.example" not in read_html(inside.get("/", follow=True))


def test_a_view_that_began_before_ends(inside: Client, alice: User, client: ClientAccount, zoo: Site) -> None:
    Account.objects.filter(pk=client.pk).update(second_factor_required=False)
    inside.post(f"/clients/{client.pk}/view")
    assert inside.get(f"/sites/{zoo.pk}/").status_code == 200
    Account.objects.filter(pk=client.pk).update(second_factor_required=True)
    assert inside.get(f"/sites/{zoo.pk}/")["Location"] == SET_ONE_UP
    add_factor(alice)
    inside.post(f"/clients/{client.pk}/view")
    assert inside.get(f"/sites/{zoo.pk}/").status_code == 200


def test_the_pages_of_the_agency_do_not_show_it(inside: Client, alice: User, client: ClientAccount) -> None:
    pages = ("/clients", "/clients/access", "/clients/templates", "/clients/sites")
    for page in pages:
        assert "Zoo" not in read_html(inside.get(page)) and "zoo.example" not in read_html(inside.get(page)), page
    for page in (f"/clients/{client.pk}", f"/clients/{client.pk}/release", f"/clients/{client.pk}/view"):
        assert inside.post(page).status_code == 404, page
    assert ClientAccount.objects.filter(pk=client.pk).exists()
    add_factor(alice)
    assert "zoo.example" in read_html(inside.get("/clients"))
    assert inside.get(f"/clients/{client.pk}").status_code == 200


def test_the_operations_of_the_agency_do_not_either(
    inside: Client, account: Account, alice: User, client: ClientAccount, zoo: Site
) -> None:
    token = personal_token_create(
        membership=Membership.objects.get(user=alice, account=account), name="all",
        scopes=["account:write", "sites:write", "reports:write"],
    )[1]  # fmt: skip
    for browser in (inside, Client(headers={"Authorization": f"Bearer {token}"})):
        assert browser.get("/api/v1/clients").json()["results"] == []
        assert browser.get(f"/api/v1/clients/{client.pk}").status_code == 404
        assert zoo.pk not in [row["id"] for row in browser.get("/api/v1/client-sites").json()["sites"]]
        body = {"sites": [{"domain": "new.example"}]}
        answer = browser.post(f"/api/v1/clients/{client.pk}/sites", body, "application/json")
        assert answer.status_code == 404
        template = {"name": "Zoos", "site": zoo.pk}
        assert browser.post("/api/v1/site-templates", template, "application/json").status_code == 400
    key = Client(headers={"Authorization": f"Bearer {account.authkey}"})
    assert [row["id"] for row in key.get("/api/v1/clients").json()["results"]] == [client.pk], "it is a program's"


def test_a_log_in_through_the_clients_provider_counts(account: Account, client: ClientAccount) -> None:
    browser = log_in(member(account, "adam", Role.ADMIN))
    session = browser.session
    session[SSO_ACCOUNT] = client.pk
    session.save()
    assert "zoo.example" in read_html(browser.get("/clients"))
