"""Log-ins at Google, Microsoft and GitHub, against a stand-in that records what it is sent: their own wire formats."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import html
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.providers.github.views import GitHubOAuth2Adapter
from allauth.socialaccount.providers.google.views import GoogleOAuth2Adapter
from allauth.socialaccount.providers.microsoft.views import MicrosoftGraphOAuth2Adapter
from django.conf import settings as django_settings
from django.core import signing
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Account, Membership, Purpose, Role, User
from accounts.services import account_brand_set
from accounts.sign_in.handover import ARRIVAL_SALT, START_SALT, hash_nonce
from config.env import read_env
from tests.accounts.test_second_factor_demand import add_factor
from tests.conftest import PASSWORD
from tests.support import read_html, verify_host
from tests.values import extract

NAMES = ("google", "microsoft", "github")
CODE = "a-code"
ADDRESS = "zoe@example.org"


class StandIn(ThreadingHTTPServer):
    """Answers as the providers do; `sent` has (method and path, fields, Authorization) of each request."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), StandInHandler)
        self.sent: list[tuple[str, dict[str, str], str]] = []
        self.email, self.verified = ADDRESS, True
        self.further: list[str] = []  # verified addresses that GitHub names beside the first
        self.profile: str | None = None  # the public address of GitHub's profile

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def build_answer(self, path: str, fields: dict[str, str]) -> object:
        """Build the JSON of an answer."""
        if path == "/google/token":
            claims = {
                "iss": "https://accounts.google.com", "aud": fields["client_id"], "sub": "g-1", "name": "Zoe",
                "email": self.email, "email_verified": self.verified, "exp": time.time() + 600, "iat": time.time(),
            }  # fmt: skip
            token = jwt.encode(claims, "k" * 32, "HS256")
            return {"access_token": "t-1", "token_type": "Bearer", "expires_in": 3600, "id_token": token}
        if path.endswith("/token"):
            return {"access_token": "t-1", "token_type": "bearer", "scope": "user"}
        if path == "/microsoft/me":
            return {"id": "m-1", "displayName": "Zoe", "mail": self.email, "userPrincipalName": self.email}
        if path == "/github/emails":
            further = [{"email": email, "primary": False, "verified": True} for email in self.further]
            return [*further, {"email": self.email, "primary": True, "verified": self.verified}]
        return {"id": 7, "login": "zoe", "name": "Zoe", "email": self.profile}


class StandInHandler(BaseHTTPRequestHandler):
    server: StandIn

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        parts = urlsplit(self.path)
        fields = {name: values[0] for name, values in parse_qs(body or parts.query).items()}
        self.server.sent.append((f"{self.command} {parts.path}", fields, self.headers.get("Authorization", "")))
        content = json.dumps(self.server.build_answer(parts.path, fields)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = answer

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def stand_in(settings: Settings, monkeypatch: pytest.MonkeyPatch, alice: User) -> Iterator[StandIn]:
    """The three providers, configured by the environment; of the local addresses only these may be requested."""
    clients = {f"{name.upper()}_LOGIN": f"id-{name}:secret:of-{name}" for name in NAMES}
    settings.SOCIAL_LOGINS = read_env({**clients, "DATA_DIR": str(django_settings.DATA_DIR)}).social_logins
    settings.ENV = dataclasses.replace(settings.ENV, allowed_outbound=("127.0.0.1/32",))
    settings.SIGN_UP = "open"
    server = StandIn()
    adapters: dict[str, Any] = {
        "google": GoogleOAuth2Adapter, "microsoft": MicrosoftGraphOAuth2Adapter, "github": GitHubOAuth2Adapter
    }  # fmt: skip
    for name, adapter in adapters.items():
        monkeypatch.setattr(adapter, "access_token_url", f"{server.url}/{name}/token")
    monkeypatch.setattr(MicrosoftGraphOAuth2Adapter, "profile_url", f"{server.url}/microsoft/me")
    monkeypatch.setattr(GitHubOAuth2Adapter, "profile_url", f"{server.url}/github/user")
    monkeypatch.setattr(GitHubOAuth2Adapter, "emails_url", f"{server.url}/github/emails")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join(5)
    server.server_close()


def open_browser() -> Client:
    return Client(HTTP_HOST=urlsplit(django_settings.BASE_URL).netloc)


def begin(browser: Client, name: str) -> dict[str, str]:
    """Press “Continue” on the page before the provider; returns where the browser is sent, and with what."""
    address = browser.post(f"/login/sso/{name}", {"next": "/me"})["Location"]
    fields = {key: values[0] for key, values in parse_qs(urlsplit(address).query).items()}
    return {"address": address.partition("?")[0], **fields}


def log_in(browser: Client, name: str) -> str:
    """Log in, and follow the provider's answer; returns where that leads."""
    state = begin(browser, name)["state"]
    return str(browser.get(f"/login/{name}/callback", {"code": CODE, "state": state})["Location"])


def is_in(browser: Client) -> bool:
    return browser.get("/me").status_code == 200


AUTHORIZE = {
    "google": "https://accounts.google.com/o/oauth2/v2/auth",
    "microsoft": "https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
    "github": "https://github.com/login/oauth/authorize",
}
SCOPES = {
    "google": {"openid", "profile", "email"}, "microsoft": {"User.Read"}, "github": {"read:user", "user:email"}
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_the_request_and_the_exchange_of_the_code_are_as_the_provider_wants_them(name: str, stand_in: StandIn) -> None:
    browser = open_browser()
    asked = begin(browser, name)
    redirect_uri = f"{django_settings.BASE_URL}/login/{name}/callback"
    assert asked["address"] == AUTHORIZE[name] and set(asked["scope"].split()) == SCOPES[name]
    assert (asked["client_id"], asked["redirect_uri"]) == (f"id-{name}", redirect_uri)
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    browser.get(f"/login/{name}/callback", {"code": CODE, "state": asked["state"]})
    path, sent, _ = stand_in.sent[0]
    assert path == f"POST /{name}/token"
    digest = hashlib.sha256(sent.pop("code_verifier").encode()).digest()
    assert base64.urlsafe_b64encode(digest).decode().rstrip("=") == asked["code_challenge"]
    assert sent == {
        "grant_type": "authorization_code", "code": CODE, "redirect_uri": redirect_uri, "client_id": f"id-{name}",
        "client_secret": f"secret:of-{name}",
    }  # fmt: skip
    reads = {path: bearer for path, _, bearer in stand_in.sent[1:]}
    assert reads == {
        "google": {},
        "microsoft": {"GET /microsoft/me": "Bearer t-1"},
        "github": {"GET /github/user": "token t-1", "GET /github/emails": "token t-1"},
    }[name]  # fmt: skip


@pytest.mark.parametrize("name", ["google", "github"])
def test_a_stranger_with_a_verified_address_owns_a_new_account(name: str, stand_in: StandIn) -> None:
    browser = open_browser()
    assert log_in(browser, name) == "/me" and is_in(browser)
    zoe = User.objects.get(email=ADDRESS)
    assert zoe.name == "Zoe" and zoe.memberships.get().role == Role.OWNER
    assert log_in(later := open_browser(), name) == "/me" and is_in(later)
    assert Account.objects.filter(members=zoe).count() == 1


@pytest.mark.parametrize("profile", [None, "other@acme.test", "public@acme.test"])
def test_of_the_addresses_that_github_names_only_the_first_is_the_users(profile: str | None, stand_in: StandIn) -> None:
    stand_in.further, stand_in.profile = ["new@acme.test", "other@acme.test"], profile
    assert log_in(open_browser(), "github") == "/me"
    assert list(EmailAddress.objects.values_list("user__email", "email", "verified")) == [(ADDRESS, ADDRESS, True)]
    fields = {"name": "New", "email": "new@acme.test", "password1": PASSWORD, "account_name": "Acme"}
    assert Client().post("/signup", fields)["Location"] == "/signup/verify"
    assert User.objects.filter(email="new@acme.test").exists(), "whose address it is can sign up"


def test_an_address_that_microsoft_names_is_verified_by_a_code_first(stand_in: StandIn) -> None:
    browser = open_browser()
    assert log_in(browser, "microsoft") == "/signup/verify" and not is_in(browser)


@pytest.mark.parametrize(
    ("name", "verified"), [("google", True), ("google", False), ("github", False), ("microsoft", True)]
)
def test_an_existing_user_is_logged_in_only_where_the_provider_has_verified_the_address(
    name: str, verified: bool, stand_in: StandIn, alice: User
) -> None:
    stand_in.email, stand_in.verified = alice.email, verified
    browser = open_browser()
    is_proven = verified and name != "microsoft"
    assert log_in(browser, name) == ("/me" if is_proven else "/login")
    assert is_in(browser) is is_proven
    if not is_proven:
        assert "There is a user with this address already" in read_html(browser.get("/login"))


def test_the_second_factor_is_asked_after_such_a_log_in(stand_in: StandIn, alice: User) -> None:
    add_factor(alice)
    stand_in.email = alice.email
    browser = open_browser()
    assert log_in(browser, "google") == "/login/second-factor" and not is_in(browser)


def test_where_sign_up_is_by_invitation_no_new_user_comes_by_it(stand_in: StandIn, settings: Settings) -> None:
    settings.SIGN_UP = "invitation"
    browser = open_browser()
    assert log_in(browser, "google") == "/login" and not is_in(browser)
    assert "new ones need an invitation" in read_html(browser.get("/login"))
    assert not User.objects.filter(email=ADDRESS).exists()


def test_a_cancelled_log_in_says_so(stand_in: StandIn) -> None:
    browser = open_browser()
    state = begin(browser, "google")["state"]
    answer = browser.get("/login/google/callback", {"error": "access_denied", "state": state})
    assert answer["Location"] == "/login" and "You did not log in at the provider" in read_html(browser.get("/login"))


def test_only_configured_providers_are_offered(stand_in: StandIn, settings: Settings) -> None:
    assert "Continue with\n          GitHub" in open_browser().get("/login").content.decode()
    settings.SOCIAL_LOGINS = {}
    page = open_browser().get("/login").content.decode()
    assert "GitHub" not in page and "Continue with SSO" in page
    for path in ("/login/sso/google", "/login/google/callback"):
        assert open_browser().get(path).status_code == 404


def test_a_client_without_a_secret_is_a_mistake_that_the_checks_name() -> None:
    found = read_env({"GOOGLE_LOGIN": "only-an-id", "DATA_DIR": str(django_settings.DATA_DIR)})
    assert found.social_logins == {}
    assert ("GOOGLE_LOGIN", "Write the client id and its secret as id:secret.") in found.mistakes


BRAND, SCHEME = "stats.alice.test", urlsplit(django_settings.BASE_URL).scheme


@pytest.fixture
def branded(account: Account, stand_in: StandIn) -> Account:
    """Alice's account has a white label."""
    account_brand_set(account=account, host=BRAND, name="Alice Numbers", logo="", accent="")
    verify_host(account, BRAND, Purpose.BRAND)
    return account


def sign_start(host: str, provider: str = "google") -> str:
    """Sign a token of a log-in that began on a host, as that host's page did before hosts were checked."""
    return signing.dumps([f"{SCHEME}://{host}", hash_nonce("n"), provider, "/me"], salt=START_SALT)


def begin_on_brand(browser: Client, name: str = "google") -> str:
    """Open the page before the provider on the white label's host; returns where its link leads."""
    page = browser.get(f"/login/sso/{name}", {"next": "/me"}).content.decode()
    return html.unescape(extract(r'href="([^"]*/login/sso/start[^"]*)"', page))


def confirm(main: Client, address: str) -> str:
    """Press the button on the page that names the host; returns where the provider's answer leads."""
    there = main.post(address)["Location"]
    state = parse_qs(urlsplit(there).query)["state"][0]
    return str(main.get("/login/google/callback", {"code": CODE, "state": state})["Location"])


def test_a_log_in_on_a_host_that_is_no_verified_white_label_ends_on_the_main_host(branded: Account) -> None:
    for host in ("evil.test", f"{BRAND}:8443", "testserver", f"{BRAND}.evil.test"):
        page = Client(HTTP_HOST=host).get("/login/sso/google", {"next": "/me"}).content.decode()
        assert "/login/sso/start" not in page, host
        if host != f"{BRAND}:8443":
            assert f'href="{django_settings.BASE_URL}/login/sso/google?next=%2Fme"' in page, host
    assert Client(HTTP_HOST="evil.test").post("/login/sso/google").status_code == 200, "it leads to no provider"


@pytest.mark.parametrize("host", ["evil.test", f"{BRAND}:8443", f"{BRAND}@evil.test", f"evil-{BRAND}"])
def test_a_signed_start_for_another_host_leads_nowhere(host: str, branded: Account) -> None:
    main = open_browser()
    for send in (main.get, main.post):
        answer: Any = send(f"/login/sso/start?to={sign_start(host)}")
        assert answer["Location"] == "/login/sso", host


def test_the_main_host_names_the_white_label_and_asks_before_it_goes_on(branded: Account) -> None:
    address = begin_on_brand(Client(HTTP_HOST=BRAND))
    main = open_browser()
    page = main.get(address)
    text = page.content.decode()
    assert page.status_code == 200 and f"Log in on {BRAND}?" in text and "accounts.google.com" in text
    assert "Footfall" not in text and "Alice Numbers" not in text
    policy = page["Content-Security-Policy"]
    assert f"form-action 'self' https://accounts.google.com {SCHEME}://{BRAND};" in policy
    assert page["X-Frame-Options"] == "DENY"
    strict = Client(HTTP_HOST=urlsplit(django_settings.BASE_URL).netloc, enforce_csrf_checks=True)
    strict.get(address)
    assert strict.post(address).status_code == 403, "another site's form"
    token = strict.cookies["csrftoken"].value
    fields, headers = {"csrfmiddlewaretoken": token}, {"origin": f"{SCHEME}://{BRAND}"}
    assert strict.post(address, fields, headers=headers).status_code == 403
    assert strict.post(address, fields)["Location"].startswith(AUTHORIZE["google"])


def test_a_member_is_logged_in_on_the_white_label(branded: Account, stand_in: StandIn, alice: User) -> None:
    stand_in.email = alice.email
    browser, main = Client(HTTP_HOST=BRAND), open_browser()
    back = confirm(main, begin_on_brand(browser))
    assert back.startswith(f"{SCHEME}://{BRAND}/login/sso/arrive?token=") and not is_in(main)
    assert browser.get(back)["Location"] == "/me" and is_in(browser)


@pytest.mark.parametrize("who", ["a stranger", "a member of another account, too", "an operator", "not accepted yet"])
def test_nobody_whose_other_accounts_the_host_could_open_is_handed_to_it(
    who: str, branded: Account, stand_in: StandIn, alice: User, charlie: User
) -> None:
    person = charlie if who == "a stranger" else alice
    if who == "a member of another account, too":
        Membership.objects.create(user=alice, account=charlie.memberships.get().account, role=Role.VIEWER)
    User.objects.filter(pk=person.pk).update(is_operator=who == "an operator")
    if who == "not accepted yet":
        alice.memberships.update(accepted=None)
    stand_in.email = person.email
    browser, main = Client(HTTP_HOST=BRAND), open_browser()
    back = confirm(main, begin_on_brand(browser))
    assert back.startswith(f"{SCHEME}://{BRAND}/login/sso?problem=") and not is_in(main)
    assert "You cannot log in that way on this host" in read_html(browser.get(back, follow=True))
    assert not is_in(browser)


@pytest.mark.parametrize("what", ["the member", "the brand", "the account"])
def test_what_has_ended_since_the_answer_is_refused_on_arrival(
    what: str, branded: Account, stand_in: StandIn, alice: User
) -> None:
    stand_in.email = alice.email
    browser = Client(HTTP_HOST=BRAND)
    back = confirm(open_browser(), begin_on_brand(browser))
    if what == "the member":
        alice.memberships.all().delete()
    elif what == "the brand":
        account_brand_set(account=branded, host="", name="", logo="", accent="")
    else:
        Account.objects.filter(pk=branded.pk).update(suspended=timezone.now())
    assert browser.get(back)["Location"] == "/login/sso" and not is_in(browser)


def test_an_arrival_token_for_a_host_of_nobody_logs_nobody_in(branded: Account, alice: User) -> None:
    browser = Client(HTTP_HOST="evil.test")
    session = browser.session
    session["sso_nonce"] = "n"
    session.save()
    browser.cookies[django_settings.SESSION_COOKIE_NAME] = str(session.session_key)
    words = [f"{SCHEME}://evil.test", hash_nonce("n"), "google", "/me", alice.pk]
    answer = browser.get("/login/sso/arrive", {"token": signing.dumps(words, salt=ARRIVAL_SALT)})
    assert answer["Location"] == "/login/sso" and not is_in(browser)
