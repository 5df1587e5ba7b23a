"""Single sign-on against a real OpenID provider: who gets in, as what, and who does not."""

from __future__ import annotations

import dataclasses
import html
import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.audit.models import AuditEntry
from accounts.models import Account, Membership, Purpose, Role, User
from accounts.services import account_brand_set
from accounts.services.sso import sso_connection_delete, sso_connection_set
from accounts.sso.models import SsoConnection, SsoDomain
from tests.accounts.test_second_factor_demand import SECRET, add_factor
from tests.accounts.test_second_factors import compute_code
from tests.conftest import PASSWORD
from tests.services.provider import CLIENT_ID, CLIENT_SECRET, OpenIdProvider, openid_provider
from tests.support import read_html, verify_host
from tests.support.traffic import confirm
from tests.values import extract

pytestmark = [pytest.mark.services, pytest.mark.django_db]
ZOE = "zoe@acme.test"


@pytest.fixture(scope="module")
def running_provider() -> Iterator[OpenIdProvider]:
    with openid_provider() as provider:
        yield provider


@pytest.fixture
def provider(running_provider: OpenIdProvider, settings: Settings) -> OpenIdProvider:
    """The provider, which behaves well; of the local addresses only its own may be requested."""
    settings.ENV = dataclasses.replace(settings.ENV, allowed_outbound=("127.0.0.1/32",))
    cache.clear()
    running_provider.behave()
    return running_provider


@pytest.fixture
def connection(account: Account, alice: User, provider: OpenIdProvider) -> SsoConnection:
    """Alice's account logs in people of acme.test through the provider, as editors."""
    connection = sso_connection_set(
        account=account, issuer=provider.issuer, client_id=CLIENT_ID, client_secret=CLIENT_SECRET, default_role="editor"
    )
    SsoDomain.objects.create(connection=connection, domain="acme.test", verified=timezone.now())
    return connection


def open_browser() -> Client:
    return Client(HTTP_HOST=urlsplit(settings.BASE_URL).netloc)


def begin(browser: Client, email: str = ZOE) -> str:
    """Go from the log-in page to the provider; returns the address there."""
    answer = browser.post("/login/sso", {"email": email, "next": "/me"})
    assert answer.status_code == 302, read_html(answer)
    return str(browser.post(answer["Location"], {"next": "/me"})["Location"])


def log_in(provider: OpenIdProvider, browser: Client, name: str = ZOE) -> str:
    """Log in as somebody at the provider, and follow its answer back here; returns where that leads."""
    answer = provider.log_in(begin(browser), name, until=settings.BASE_URL)
    return str(browser.get(answer)["Location"])


def is_in(browser: Client) -> bool:
    return browser.get("/me").status_code == 200


def list_actions(account: Account) -> list[str]:
    return list(AuditEntry.objects.filter(account_id=account.pk).order_by("pk").values_list("action", flat=True))


def test_somebody_new_logs_in_through_the_provider_and_is_a_member(
    provider: OpenIdProvider, connection: SsoConnection, account: Account
) -> None:
    browser = open_browser()
    assert log_in(provider, browser) == "/me"
    assert is_in(browser)
    zoe = User.objects.get(email=ZOE)
    membership = Membership.objects.get(user=zoe)
    assert (membership.account, membership.role, zoe.name) == (account, Role.EDITOR, "Zoe")
    assert membership.accepted and not zoe.has_usable_password()
    assert {"member.joined", "sso.used", "session.started"} <= set(list_actions(account))


def test_an_existing_user_of_the_domain_is_logged_in_connected_and_told(
    provider: OpenIdProvider, connection: SsoConnection
) -> None:
    zoe = User.objects.create_user(ZOE, PASSWORD, name="Zoe of old")
    provider.behave(claims={"u-1": {"email": "ZOE@acme.test"}})
    browser = open_browser()
    assert log_in(provider, browser, "u-1") == "/me" and is_in(browser)
    assert browser.session["_auth_user_id"] == str(zoe.pk)
    assert User.objects.filter(email=ZOE).count() == 1 and zoe.memberships.get().role == Role.EDITOR
    assert mail.outbox[-1].to == [ZOE] and "through Alice & Co" in mail.outbox[-1].body
    provider.behave(claims={"u-1": {"email": "zoe.married@acme.test"}})
    later = open_browser()
    assert log_in(provider, later, "u-1") == "/me" and later.session["_auth_user_id"] == str(zoe.pk), "known by sub"


def test_the_second_factor_is_not_asked_again_and_the_account_counts_the_log_in_as_one(
    provider: OpenIdProvider, connection: SsoConnection, account: Account
) -> None:
    zoe = User.objects.create_user(ZOE, PASSWORD)
    add_factor(zoe)
    Account.objects.filter(pk=account.pk).update(second_factor_required=True)
    assert log_in(provider, open_browser()) == "/me"
    max_browser = open_browser()
    assert log_in(provider, max_browser, "max@acme.test") == "/me"
    assert max_browser.get("/me/tokens").status_code == 200, "he has no factor of his own"
    user = User.objects.get(email="max@acme.test")
    user.set_password(PASSWORD)
    user.save()
    by_password = open_browser()
    by_password.post("/login", {"email": user.email, "password": PASSWORD})
    assert is_in(by_password) and by_password.get("/me/tokens")["Location"] == "/me/security", "a password is no factor"


@pytest.mark.parametrize("who", ["an operator", "a member of another account"])
def test_the_second_factor_is_asked_of_those_who_are_not_of_the_account_alone(
    who: str, provider: OpenIdProvider, connection: SsoConnection
) -> None:
    zoe = User.objects.create_user(ZOE, PASSWORD, is_operator=who == "an operator")
    add_factor(zoe)
    if not zoe.is_operator:
        other = Account.objects.create(name="Other")
        Membership.objects.create(user=zoe, account=other, role=Role.VIEWER)
    browser = open_browser()
    assert log_in(provider, browser) == "/login/second-factor" and not is_in(browser)


@pytest.mark.parametrize("what", ["nothing", "the provider", "the domain"])
def test_a_log_in_that_waits_for_a_code_does_not_outlive_what_it_came_through(
    what: str, provider: OpenIdProvider, connection: SsoConnection
) -> None:
    SsoConnection.objects.update(enforced=True)
    add_factor(zoe := User.objects.create_user(ZOE, PASSWORD))
    Membership.objects.create(user=zoe, account=Account.objects.create(name="Other"), role=Role.VIEWER)
    browser = open_browser()
    assert log_in(provider, browser) == "/login/second-factor"
    if what == "the provider":
        sso_connection_delete(connection=connection)
    elif what == "the domain":
        connection.domains.update(verified=None)
    answer = browser.post("/login/second-factor", {"code": compute_code(SECRET)})
    assert answer["Location"] == ("/me" if what == "nothing" else "/login")
    assert is_in(browser) is (what == "nothing") and browser.get("/login").status_code in (200, 302)


def test_who_was_removed_does_not_return_by_another_address_of_their_own(
    provider: OpenIdProvider, connection: SsoConnection, account: Account, alice: User
) -> None:
    assert log_in(provider, open_browser()) == "/me"
    owner = Client()
    owner.force_login(alice)
    owner.post(f"/account/team/{Membership.objects.get(user__email=ZOE).pk}/remove")
    User.objects.filter(email=ZOE).update(email="zoe+x@acme.test")
    EmailAddress.objects.filter(email=ZOE).update(email="zoe+x@acme.test")
    browser = open_browser()
    log_in(provider, browser)
    assert not Membership.objects.filter(account=account).exclude(user=alice).exists()
    assert list_actions(account).count("member.joined") == 1


MISBEHAVIOUR: dict[str, dict[str, object]] = {
    "another audience": {"audience": "another-client"},
    "a signature of another key": {"forged": True},
    "another person's information": {"userinfoSub": "somebody-else"},
    "no address": {"claims": {ZOE: {"email": None}}},
}


@pytest.mark.parametrize("what", MISBEHAVIOUR)
def test_a_wrong_answer_of_the_provider_logs_nobody_in(
    what: str, provider: OpenIdProvider, connection: SsoConnection, account: Account
) -> None:
    provider.behave(**MISBEHAVIOUR[what])
    browser = open_browser()
    assert log_in(provider, browser) == "/login" and not is_in(browser)
    assert not User.objects.filter(email=ZOE).exists()
    assert "sso.refused" in list_actions(account)
    sentence = "did not say what your e-mail" if what == "no address" else "answer was not accepted."
    assert sentence in read_html(browser.get("/login"))


@pytest.mark.parametrize("word", [False, "false"])
def test_an_address_that_the_provider_calls_unverified_is_refused(
    word: object, provider: OpenIdProvider, connection: SsoConnection, account: Account
) -> None:
    provider.behave(claims={ZOE: {"email_verified": word}})
    browser = open_browser()
    assert log_in(provider, browser) == "/login" and not is_in(browser)
    assert "says that your e-mail address is not verified" in read_html(browser.get("/login"))
    assert not User.objects.filter(email=ZOE).exists() and "sso.refused" in list_actions(account)


def test_a_provider_may_say_nothing_about_verification(provider: OpenIdProvider, connection: SsoConnection) -> None:
    provider.behave(claims={ZOE: {"email_verified": None}})
    assert log_in(provider, browser := open_browser()) == "/me" and is_in(browser)


def test_an_expired_code_logs_nobody_in(provider: OpenIdProvider, connection: SsoConnection) -> None:
    provider.behave(codeSeconds=1)
    browser = open_browser()
    answer = provider.log_in(begin(browser), ZOE, until=settings.BASE_URL)
    time.sleep(2.1)
    assert browser.get(answer)["Location"] == "/login" and not is_in(browser)


def test_an_answer_works_once_and_in_the_browser_that_began(
    provider: OpenIdProvider, connection: SsoConnection
) -> None:
    browser, thief = open_browser(), open_browser()
    answer = provider.log_in(begin(browser), ZOE, until=settings.BASE_URL)
    assert thief.get(answer)["Location"] == "/login" and not is_in(thief), "its session knows no such state"
    assert browser.get(answer)["Location"] == "/me"
    browser.post("/logout")
    assert browser.get(answer)["Location"] == "/login" and not is_in(browser)
    assert "answered already" in read_html(browser.get("/login"))


@pytest.mark.parametrize("address", ["charlie@example.com", "new@other.test", "eve@acme.test.evil.test"])
def test_an_address_of_a_foreign_domain_is_refused_however_verified_the_provider_calls_it(
    address: str, provider: OpenIdProvider, connection: SsoConnection, charlie: User, account: Account
) -> None:
    provider.behave(claims={ZOE: {"email": address, "email_verified": True}})
    browser = open_browser()
    assert log_in(provider, browser) == "/login" and not is_in(browser)
    assert f"says that you are {address}, but only addresses of acme.test log in here" in read_html(
        browser.get("/login")
    )
    assert not Membership.objects.filter(account=account, user=charlie).exists()
    assert not User.objects.filter(email__in=("new@other.test", "eve@acme.test.evil.test")).exists()


def test_somebody_whose_address_here_has_left_the_domain_is_no_longer_logged_in(
    provider: OpenIdProvider, connection: SsoConnection
) -> None:
    assert log_in(provider, open_browser()) == "/me"
    User.objects.filter(email=ZOE).update(email="zoe@private.test")
    browser = open_browser()
    assert log_in(provider, browser) == "/login" and not is_in(browser)


def test_the_request_at_the_provider_has_pkce_state_and_the_registered_address(
    provider: OpenIdProvider, connection: SsoConnection
) -> None:
    asked = parse_qs(urlsplit(begin(open_browser())).query)
    assert asked["redirect_uri"] == [f"{settings.BASE_URL}/login/sso/{connection.slug}/callback"]
    assert asked["code_challenge_method"] == ["S256"] and asked["code_challenge"] and asked["state"]
    assert asked["response_type"] == ["code"] and set(asked["scope"][0].split()) == {"openid", "email", "profile"}
    assert asked["client_id"] == [CLIENT_ID]


def test_only_the_page_before_the_provider_lets_a_form_lead_there(
    provider: OpenIdProvider, connection: SsoConnection
) -> None:
    browser = open_browser()
    page = browser.get(f"/login/sso/{connection.slug}")
    assert f"form-action 'self' {provider.issuer};" in page["Content-Security-Policy"]
    for path in ("/login", "/login/sso"):
        assert "form-action 'self';" in browser.get(path)["Content-Security-Policy"]


@pytest.fixture
def branded(connection: SsoConnection, account: Account) -> str:
    """The host of the account's white label."""
    account_brand_set(account=account, host="stats.acme.test", name="Acme Numbers", logo="", accent="")
    verify_host(account, "stats.acme.test", Purpose.BRAND)
    return "stats.acme.test"


def begin_on_brand(browser: Client) -> str:
    """Go from a white label's log-in page to the provider; the host of BASE_URL is another browser's view of it."""
    page = browser.get(browser.post("/login/sso", {"email": ZOE, "next": "/me"})["Location"])
    assert "Footfall" not in page.content.decode()
    return html.unescape(extract(r'href="([^"]*/login/sso/start[^"]*)"', page.content.decode()))


def test_on_a_white_label_one_passes_the_main_host_without_being_logged_in_there(
    provider: OpenIdProvider, connection: SsoConnection, branded: str
) -> None:
    browser, main = Client(HTTP_HOST=branded), open_browser()
    there = main.post(begin_on_brand(browser))["Location"]
    assert there.startswith(provider.issuer)
    back = main.get(provider.log_in(there, ZOE, until=settings.BASE_URL))["Location"]
    assert back.startswith(f"http://{branded}/login/sso/arrive?token=") and not is_in(main)
    other = Client(HTTP_HOST=branded)
    assert other.get(back)["Location"].startswith("/login/sso") and not is_in(other), "another browser"
    assert browser.get(back)["Location"] == "/me" and is_in(browser)
    browser.post("/logout")
    assert browser.get(back)["Location"].startswith("/login/sso") and not is_in(browser), "it works once"


def test_the_page_of_the_main_host_asks_before_the_provider_answers_for_a_white_label(
    provider: OpenIdProvider, connection: SsoConnection, branded: str
) -> None:
    page = open_browser().get(begin_on_brand(Client(HTTP_HOST=branded)))
    assert page.status_code == 200 and f"then logged in on <strong>{branded}" in read_html(page)
    assert "Footfall" not in page.content.decode()
    assert f"form-action 'self' {provider.issuer} http://{branded};" in page["Content-Security-Policy"]


def test_an_operator_is_not_handed_over_to_a_white_label(
    provider: OpenIdProvider, connection: SsoConnection, branded: str
) -> None:
    User.objects.create_user(ZOE, PASSWORD, is_operator=True)
    browser, main = Client(HTTP_HOST=branded), open_browser()
    there = main.post(begin_on_brand(browser))["Location"]
    back = main.get(provider.log_in(there, ZOE, until=settings.BASE_URL))["Location"]
    assert back.startswith(f"http://{branded}/login/sso?problem=")
    browser.get(back)
    assert not is_in(browser) and not is_in(main)


def test_on_a_white_label_a_refusal_is_shown_there(
    provider: OpenIdProvider, connection: SsoConnection, branded: str
) -> None:
    provider.behave(claims={ZOE: {"email": "eve@other.test"}})
    browser, main = Client(HTTP_HOST=branded), open_browser()
    there = main.post(begin_on_brand(browser))["Location"]
    back = main.get(provider.log_in(there, ZOE, until=settings.BASE_URL))["Location"]
    assert back.startswith(f"http://{branded}/login/sso?problem=")
    shown = browser.get(back, follow=True)
    assert "only addresses of acme.test" in read_html(shown) and "Footfall" not in shown.content.decode()


def test_the_test_of_the_connection_says_what_is_wrong(
    provider: OpenIdProvider, connection: SsoConnection, account: Account, alice: User, settings: Settings
) -> None:
    browser = open_browser()
    browser.force_login(alice)

    def check() -> str:
        cache.clear()
        text = read_html(browser.post("/account/sso/test", follow=True))
        return html.unescape(extract(r'<p class="notice[^>]*>(.*?)</p>', text))

    assert f"It works: people log in at {provider.issuer}" in check()
    SsoConnection.objects.update(client_secret="wrong")
    assert "does not accept the client id with this secret (invalid_client)" in check()
    SsoConnection.objects.update(issuer=f"{provider.issuer}/nowhere")
    assert "answers with the status 404" in check()
    SsoConnection.objects.update(issuer=provider.issuer.replace("127.0.0.1", "localhost"))
    assert f"calls itself '{provider.issuer}'" in check()
    settings.ENV = dataclasses.replace(settings.ENV, allowed_outbound=())
    assert "lies in a network that may not be reached" in check()


def test_sso_only_needs_a_log_in_and_an_owner_with_a_second_factor_first(
    provider: OpenIdProvider, connection: SsoConnection, alice: User, account: Account
) -> None:
    browser = open_browser()
    browser.force_login(alice)
    confirm(browser, PASSWORD)
    choice = {"enforced": "1", "way_back": alice.email}
    assert "Log in through the provider once first" in read_html(browser.post("/account/sso/enforce", choice))
    log_in(provider, zoe := open_browser())
    assert "needs a password and a second factor first" in read_html(browser.post("/account/sso/enforce", choice))
    add_factor(alice)
    assert browser.post("/account/sso/enforce", choice)["Location"] == "/account/sso"
    assert not is_in(zoe), "sessions end"
    assert is_in(browser)
    assert log_in(provider, zoe) == "/me" and is_in(zoe), "the provider is the way in"


def test_who_has_no_password_confirms_a_change_by_a_new_log_in_at_the_provider(
    provider: OpenIdProvider, connection: SsoConnection
) -> None:
    browser = open_browser()
    log_in(provider, browser)
    assert browser.get("/me/security/app").status_code == 200, "the log-in was a moment ago"
    session = browser.session
    session["account_authentication_methods"] = [{"method": "socialaccount", "at": time.time() - 3600}]
    session.save()
    answer = browser.get("/me/security/app")
    assert answer["Location"] == f"/login/sso/{connection.slug}?next=%2Fme%2Fsecurity%2Fapp"
    there = browser.post(answer["Location"], {"next": "/me/security/app"})["Location"]
    back = browser.get(provider.log_in(there, ZOE, until=settings.BASE_URL))
    assert back["Location"] == "/me/security/app" and browser.get(back["Location"]).status_code == 200
