"""Single sign-on when somebody misuses it: strangers, silent providers, suspended accounts, other accounts' hosts."""

from __future__ import annotations

import dataclasses
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings as django_settings
from django.core import signing
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.audit.models import AuditEntry
from accounts.models import Membership, Purpose, Role, User
from accounts.security.client_ip import get_rate_limit_key
from accounts.security.rate_limits import SSO_ADDRESS, count_attempt
from accounts.services import account_brand_set
from accounts.services.suspension import account_resume, account_suspend
from accounts.sign_in.handover import ARRIVAL_SALT, START_SALT, hash_nonce
from accounts.sso.discovery import Discovery, keep_discovery
from accounts.sso.http import MAX_FETCHES, take_turn
from accounts.sso.models import SsoConnection
from tests.accounts.test_second_factor_demand import add_factor, open_browser
from tests.accounts.test_second_factors import compute_code
from tests.accounts.test_sign_up import find_code
from tests.accounts.test_sso import SECRET, ZOE, is_in, list_refusals
from tests.conftest import PASSWORD
from tests.support import read_html, verify_host
from tests.support.traffic import confirm

ISSUER = "https://login.acme.test"


@pytest.fixture
def described(connection: SsoConnection) -> SsoConnection:
    """What the provider says about itself is known, so that nobody asks it."""
    discovery = Discovery(
        issuer=ISSUER, authorization_endpoint=f"{ISSUER}/authorize", token_endpoint=f"{ISSUER}/token",
        jwks_uri=f"{ISSUER}/keys", userinfo_endpoint=f"{ISSUER}/user",
    )  # fmt: skip
    keep_discovery(ISSUER, discovery)
    return connection


def open_main() -> Client:
    return Client(HTTP_HOST=urlsplit(django_settings.BASE_URL).netloc)


def test_the_connection_of_a_suspended_account_logs_nobody_in(
    described: SsoConnection, enforced: SsoConnection
) -> None:
    account, path = described.account, f"/login/sso/{described.slug}"
    account_suspend(account=account, reason="Abuse", collection_days=0, now=timezone.now())
    assert "No account has set up single sign-on" in read_html(open_main().post("/login/sso", {"email": ZOE}))
    for browser in (open_main(), Client()):
        assert browser.get(path).status_code == 404 and browser.get(f"{path}/callback").status_code == 404
    browser = Client()
    browser.post("/login", {"email": ZOE, "password": PASSWORD})
    assert is_in(browser), "its rule has no effect either"
    account_resume(account=account)
    assert open_main().get(path).status_code == 200


def test_nothing_done_while_the_account_is_suspended_outlives_the_suspension(
    enforced: SsoConnection, zoe: User, alice: User, bob: User
) -> None:
    add_factor(alice)
    account_suspend(account=enforced.account, reason="Unpaid", collection_days=0, now=timezone.now())
    browser = Client()
    browser.post("/login", {"email": ZOE, "password": PASSWORD})
    assert is_in(confirm(browser, PASSWORD)), "the rule has no effect"
    answer = browser.post("/me/email", {"action_add": "", "email": "zoe@private.test"})
    assert "Your address comes from single sign-on" in read_html(answer)
    hers, his = open_browser(alice), confirm(open_browser(bob), PASSWORD)
    answer = his.post("/me/email", {"action_add": "", "email": "bob@acme.test"})
    assert "log in through single sign-on" in read_html(answer)
    account_resume(account=enforced.account)
    assert [is_in(one) for one in (browser, hers, his)] == [False, True, True]


def test_an_emergency_owner_without_a_second_factor_is_logged_out_as_well(enforced: SsoConnection, alice: User) -> None:
    account_suspend(account=enforced.account, reason="Unpaid", collection_days=0, now=timezone.now())
    browser = open_browser(alice)
    account_resume(account=enforced.account)
    assert not is_in(browser)


def enforce(connection: SsoConnection) -> None:
    connection.enforced = True
    connection.save()


def test_a_log_in_that_waits_for_the_second_factor_does_not_outlive_the_switch_to_sso_only(
    connection: SsoConnection, zoe: User
) -> None:
    add_factor(zoe)
    browser = Client()
    assert browser.post("/login", {"email": ZOE, "password": PASSWORD})["Location"] == "/login/second-factor"
    enforce(connection)
    answer = browser.post("/login/second-factor", {"code": compute_code(SECRET)})
    assert answer["Location"].startswith("/login/sso?email=zoe") and not is_in(browser)
    assert browser.get("/login/second-factor")["Location"].startswith("/login"), "it does not wait any longer"
    assert list_refusals(connection.account) == ["/login/second-factor"]


def test_a_sign_up_that_waits_for_its_code_does_not_outlive_it_either(
    connection: SsoConnection, settings: Settings
) -> None:
    settings.SIGN_UP = "open"
    browser = Client()
    fields = {"name": "Max", "email": "max@acme.test", "password1": PASSWORD, "account_name": "Max Ltd"}
    assert browser.post("/signup", fields)["Location"] == "/signup/verify"
    enforce(connection)
    answer = browser.post("/signup/verify", {"code": find_code(), "action": "verify"})
    assert answer["Location"].startswith("/login/sso?email=max") and not is_in(browser)


def test_refusals_that_strangers_cause_are_few_entries_without_their_words(described: SsoConnection) -> None:
    browser = open_main()
    for number in range(40):
        there = browser.post(f"/login/sso/{described.slug}")["Location"]
        state = parse_qs(urlsplit(there).query)["state"][0]
        words = {"state": state, "error": "server_error", "error_description": f"Call 0800-{number}"}
        assert browser.get(f"/login/sso/{described.slug}/callback", words)["Location"] == "/login"
    entries = AuditEntry.objects.filter(account_id=described.account_id, action="sso.refused").order_by("pk")
    assert [entry.changes.get("times_within_an_hour") for entry in entries] == [None] * 10 + [[None, 20], [None, 40]]
    assert "0800" not in str(list(entries.values_list("changes", flat=True)))


def test_refusals_by_the_provider_do_not_hide_those_of_passwords(described: SsoConnection, enforced: Any) -> None:
    browser = open_main()
    for _ in range(15):
        there = browser.post(f"/login/sso/{described.slug}")["Location"]
        state = parse_qs(urlsplit(there).query)["state"][0]
        browser.get(f"/login/sso/{described.slug}/callback", {"state": state, "error": "x"})
    Client().post("/login", {"email": ZOE, "password": PASSWORD})
    assert list_refusals(described.account)[-1] == "/login"


@pytest.fixture
def silent_provider(settings: Settings) -> Iterator[list[socket.socket]]:
    """A provider that accepts connections and never answers: the connections that it got, after its own socket."""
    settings.ENV = dataclasses.replace(settings.ENV, allowed_outbound=("127.0.0.1/32",))
    listener = socket.create_server(("127.0.0.1", 0))
    sockets = [listener]

    def accept() -> None:
        while True:
            try:
                sockets.append(listener.accept()[0])
            except OSError:
                return

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    yield sockets
    listener.shutdown(socket.SHUT_RDWR)
    for one in sockets:
        one.close()
    thread.join(5)


def test_a_provider_that_does_not_answer_is_asked_once_in_a_minute(
    connection: SsoConnection, silent_provider: list[socket.socket]
) -> None:
    port = silent_provider[0].getsockname()[1]
    SsoConnection.objects.update(issuer=f"http://127.0.0.1:{port}")
    for _ in range(3):
        answer = open_main().get(f"/login/sso/{connection.slug}", follow=True)
        assert "The provider cannot be reached now" in read_html(answer)
    assert len(silent_provider) == 2, "its own socket and one connection"


def test_a_page_on_another_host_asks_no_provider(
    connection: SsoConnection, silent_provider: list[socket.socket], settings: Settings
) -> None:
    port = silent_provider[0].getsockname()[1]
    SsoConnection.objects.update(issuer=f"http://127.0.0.1:{port}")
    assert "You log in at 127.0.0.1" in read_html(Client().get(f"/login/sso/{connection.slug}"))
    assert len(silent_provider) == 1


def test_when_enough_requests_to_providers_wait_the_next_log_in_is_told_so(connection: SsoConnection) -> None:
    assert MAX_FETCHES == 2
    with take_turn(), take_turn():
        answer = open_main().get(f"/login/sso/{connection.slug}")
    assert answer.status_code == 503 and answer["Retry-After"] == "5"
    assert "Too many log-ins are waiting for their providers" in read_html(answer)


def test_a_busy_moment_is_not_kept_as_a_failure_of_the_provider(described: SsoConnection) -> None:
    other = SsoConnection.objects.get()
    other.issuer = "http://127.0.0.1:9"  # a private network: refused without a request
    other.save()
    with take_turn(), take_turn():
        assert open_main().get(f"/login/sso/{described.slug}").status_code == 503
    assert "cannot be reached now" in read_html(open_main().get(f"/login/sso/{described.slug}", follow=True))


def test_an_answer_in_a_busy_moment_is_no_refusal(described: SsoConnection) -> None:
    browser = open_main()
    state = parse_qs(urlsplit(browser.post(f"/login/sso/{described.slug}")["Location"]).query)["state"][0]
    with take_turn(), take_turn():
        answer = browser.get(f"/login/sso/{described.slug}/callback", {"state": state, "code": "c"}, follow=True)
    assert "Too many log-ins are waiting for their providers" in read_html(answer)
    assert not AuditEntry.objects.filter(action="sso.refused").exists()


@pytest.mark.parametrize("path", ["/login/sso", "/login/sso/account-0", "/login/sso/start"])
def test_a_client_that_begins_log_ins_again_and_again_has_to_wait(path: str, connection: SsoConnection) -> None:
    for _ in range(SSO_ADDRESS.maximum):
        count_attempt((SSO_ADDRESS, get_rate_limit_key("127.0.0.1")))
    answer = open_main().post(path, {"email": ZOE})
    assert answer.status_code == 429 and int(answer["Retry-After"]) > 0
    assert "Too many attempts" in read_html(answer)
    assert open_main().get("/login/sso").status_code == 200, "the page asks nobody"


def test_an_accounts_provider_logs_in_on_no_other_accounts_white_label(described: SsoConnection, charlie: User) -> None:
    theirs, host = charlie.memberships.get().account, "stats.charlie.test"
    account_brand_set(account=theirs, host=host, name="Charlie", logo="", accent="")
    verify_host(theirs, host, Purpose.BRAND)
    browser = Client(HTTP_HOST=host)
    assert browser.get(f"/login/sso/{described.slug}")["Location"] == "/login"
    assert "You cannot log in that way on this host" in read_html(browser.get("/login"))
    token = signing.dumps([f"http://{host}", hash_nonce("n"), described.slug, "/"], salt=START_SALT)
    assert open_main().post(f"/login/sso/start?to={token}")["Location"] == "/login/sso"


def arrive(connection: SsoConnection, user: User, host: str) -> tuple[Client, Any]:
    """Come to the white label's host as who has just logged in at the account's provider on the host of BASE_URL."""
    browser = Client(HTTP_HOST=host)
    session = browser.session
    session["sso_nonce"] = "n"
    session.save()
    browser.cookies[django_settings.SESSION_COOKIE_NAME] = str(session.session_key)
    origin = f"{urlsplit(django_settings.BASE_URL).scheme}://{host}"
    words = [origin, hash_nonce("n"), connection.slug, "/me", user.pk]
    return browser, browser.get("/login/sso/arrive", {"token": signing.dumps(words, salt=ARRIVAL_SALT)})


def test_a_session_on_the_white_label_opens_other_accounts_only_after_a_factor_of_the_persons_own(
    described: SsoConnection, zoe: User, charlie: User
) -> None:
    host = "stats.alice.test"
    account_brand_set(account=described.account, host=host, name="Alice Numbers", logo="", accent="")
    verify_host(described.account, host, Purpose.BRAND)
    browser, answer = arrive(described, zoe, host)
    assert answer["Location"] == "/me" and is_in(browser)
    Membership.objects.create(user=zoe, account=charlie.memberships.get().account, role=Role.VIEWER)
    browser, answer = arrive(described, zoe, host)
    assert answer["Location"].startswith("/login/sso") and not is_in(browser)
    add_factor(zoe)
    browser, answer = arrive(described, zoe, host)
    assert answer["Location"].startswith("/login/second-factor") and not is_in(browser)


def log_in_by(user: User, provider: str) -> Client:
    """A browser in which the user has just logged in through a provider."""
    browser = open_browser(user)
    session = browser.session
    session["account_authentication_methods"] = [{"method": "socialaccount", "at": time.time(), "provider": provider}]
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()
    return browser


def test_a_providers_log_in_removes_no_factor_that_another_account_relies_on(
    connection: SsoConnection, zoe: User, charlie: User
) -> None:
    add_factor(zoe)
    assert log_in_by(zoe, connection.slug).get("/me/security/app/remove").status_code == 200, "its own member"
    Membership.objects.create(user=zoe, account=charlie.memberships.get().account, role=Role.VIEWER)
    browser = log_in_by(zoe, connection.slug)
    for path in ("/me/security/app/remove", "/me/security/codes/new", "/me/email"):
        assert browser.get(path)["Location"].startswith("/me/confirm"), path
    zoe.set_unusable_password()
    zoe.save()
    assert log_in_by(zoe, connection.slug).get("/me/security/app/remove")["Location"].startswith("/me/confirm/code")
