"""A white-labelled host shows the brand and nowhere our product's name: pages, headers, mails."""

from email.utils import parseaddr

import pytest
from django.core import mail
from django.core.cache import caches
from django.core.exceptions import ValidationError
from django.test import Client

from accounts.branding import DEFAULT_BRAND, PRODUCT_NAME, find_brand_by_host, load_brand
from accounts.models import Account, Membership, Purpose, User
from accounts.services import account_brand_set
from accounts.services.invitations import create_setup_link
from accounts.white_label.accent_colors import format_stylesheet
from sites.models import Site
from tests.support import log_in, verify_host
from tests.support.types import Response

HOST = "stats.agency.example"
BRAND = {"host": HOST, "name": "Agency Numbers", "logo": "https://agency.example/logo.svg", "accent": "#0A7F5A"}
PAGES = [
    "/login", "/password/reset", "/me", "/me/password", "/account", "/account/team", "/account/brand", "/sites",
    "/sites/new", "/join/nothing", "/setup/nothing", "/nothing-here", "/settings",
]  # fmt: skip


@pytest.fixture
def branded(account: Account, alice: User) -> Account:
    caches["requests"].clear()
    account_brand_set(account=account, **BRAND)
    verify_host(account, HOST, Purpose.BRAND)
    return account


def words_of(answer: Response) -> str:
    head = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
    return f"{head}\n{answer.cookies}\n{answer.content.decode()}".lower()


def test_our_own_host_shows_our_product_name(client: Client, branded: Account) -> None:
    assert PRODUCT_NAME in client.get("/login").content.decode()


@pytest.mark.parametrize("inside", [False, True])
def test_no_page_or_header_of_a_branded_host_contains_our_product_name(
    client: Client, branded: Account, alice: User, site: Site, inside: bool
) -> None:
    if inside:
        client.force_login(alice)
    slugs = ["general", "tracking-code", "api-keys", "privacy", "exclusions", "counting", "proxy", "team"]
    pages = [*PAGES, *(f"/sites/{site.pk}/settings/{slug}" for slug in slugs)]
    for page in pages:
        answer = client.get(page, headers={"host": HOST})
        assert PRODUCT_NAME.lower() not in words_of(answer), page
        if answer.status_code == 200:
            assert "Agency Numbers" in answer.content.decode(), page


def test_mails_of_a_brand_have_its_sender_and_its_host(client: Client, branded: Account, alice: User) -> None:
    client.force_login(alice)
    client.post("/account/team", {"email": "zoe@example.org", "role": "viewer"})
    Client().post("/password/reset", {"email": alice.email}, headers={"host": HOST})
    assert len(mail.outbox) == 2
    for letter in mail.outbox:
        text = str(letter.message())
        assert PRODUCT_NAME.lower() not in text.lower()
        assert f"{HOST}/" in text
        assert letter.message()["From"] == f"Agency Numbers <noreply@{HOST}>"


def test_what_mail_servers_return_does_not_go_to_the_host_of_a_brand(branded: Account, alice: User) -> None:
    """What they return quotes the mail, and whoever controls the host receives mail there."""
    log_in(alice).post("/account/team", {"email": "zoe@example.org", "role": "viewer"})
    Client().post("/password/reset", {"email": alice.email}, headers={"host": HOST})
    Client().post("/password/reset", {"email": alice.email})
    senders = [parseaddr(letter.from_email)[1] for letter in mail.outbox]
    assert senders == ["noreply@127.0.0.1", "noreply@127.0.0.1", "footfall@127.0.0.1"]
    for letter in mail.outbox:
        head = letter.message()
        assert (head["Auto-Submitted"], head["X-Auto-Response-Suppress"]) == ("auto-generated", "All")


def test_the_colors_of_the_accent_are_a_stylesheet_that_pages_load(client: Client, branded: Account) -> None:
    assert "/brand.css" in client.get("/login", headers={"host": HOST}).content.decode()
    sheet = client.get("/brand.css", headers={"host": HOST})
    assert sheet["Content-Type"] == "text/css" and sheet.content.decode() == format_stylesheet("#0a7f5a")
    assert client.get("/brand.css").status_code == 404


def test_the_snippet_of_a_branded_account_names_its_host(
    client: Client, branded: Account, alice: User, site: Site
) -> None:
    client.force_login(alice)
    page = client.get(f"/sites/{site.pk}/settings/tracking-code").content.decode()
    assert f"//{HOST}/js" in page


def test_a_host_shows_the_brand_of_the_account_that_verified_it(branded: Account, charlie: User) -> None:
    other = Membership.objects.get(user=charlie).account
    account_brand_set(account=other, host=HOST, name="Not the agency")
    assert find_brand_by_host(HOST).name == "Agency Numbers" and load_brand(other) == DEFAULT_BRAND


@pytest.mark.parametrize(
    ("field", "value"),
    [("host", "not a host"), ("logo", "javascript:alert(1)"), ("logo", "http://plain.example/x.png"),
     ("accent", "red; } body { display: none"), ("colour", "#123456")],
)  # fmt: skip
def test_a_dangerous_brand_value_is_rejected(account: Account, field: str, value: str) -> None:
    with pytest.raises(ValidationError):
        account_brand_set(account=account, **{field: value})


def test_an_empty_host_disables_the_white_label(branded: Account) -> None:
    account_brand_set(account=branded, host="")
    assert find_brand_by_host(HOST) == DEFAULT_BRAND


def test_a_brand_name_cannot_inject_mail_headers(branded: Account) -> None:
    account_brand_set(account=branded, host=HOST, name='Evil" <x@y.z>')
    assert find_brand_by_host(HOST).sender == f"Evil xy.z <noreply@{HOST}>"


def test_the_setup_page_shows_our_product_name_only_on_our_host(client: Client, db: None) -> None:
    assert PRODUCT_NAME in client.get(create_setup_link("")).content.decode()
