"""The hosts of a white label: where they lead, whether they are served, what each of them serves, and its sender."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.core import mail
from django.core.cache import caches
from django.core.exceptions import ValidationError
from django.test import Client
from pytest_django import Settings

from accounts.branding import DEFAULT_BRAND, find_brand_by_host, find_script_host, load_brand
from accounts.custom_domains.txt_records import look_up_named_accounts
from accounts.models import Account, HostClaim, Purpose, User
from accounts.services import account_brand_set, brand_hosts_check
from accounts.services.clients import client_create
from accounts.white_label.host_proof import PROOF_PATH, build_proof
from accounts.white_label.models import HostFinding
from links.services.domains import domain_create
from sites import site_cache
from sites.models import Site
from tests.support import asgi, read_html, verify_host
from tests.support.dns_server import DnsServer, outbound_dns

HOST, TRACKING, LINKS = "stats.agency.example", "t.agency.example", "go.agency.example"
TARGET, SENDER = "custom.example.net", "reports@agency.example"


class Proving(ThreadingHTTPServer):
    """Answers as this installation does, or as another one after `is_ours` is False."""

    daemon_threads, is_ours = True, True


class Proof(BaseHTTPRequestHandler):
    server: Proving

    def do_GET(self) -> None:
        host = self.headers["Host"].partition(":")[0]
        ours = self.server.is_ours and self.path == PROOF_PATH
        body = (build_proof(host) if ours else "something else").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def installation(settings: Settings) -> Iterator[Proving]:
    """A server at the port of BASE_URL, which may be asked although it is on this machine."""
    with Proving(("127.0.0.1", 0), Proof) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        settings.BASE_URL = f"http://dashboard.example.net:{running.server_port}"
        settings.CUSTOM_HOST_TARGET = TARGET
        settings.ENV = dataclasses.replace(settings.ENV, allowed_outbound=("127.0.0.1/32",))
        yield running
        running.shutdown()


@pytest.fixture
def dns(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[DnsServer]:
    caches["requests"].clear()
    with outbound_dns(monkeypatch) as server:
        settings.DNS_SERVERS = (server.address,)
        server.addresses = {TARGET: ["127.0.0.1"]}
        yield server


@pytest.fixture
def branded(account: Account) -> Account:
    account_brand_set(account=account, host=HOST, name="Agency Numbers")
    verify_host(account, HOST, Purpose.BRAND)
    return account


def check(account: Account) -> dict[str, tuple[str, str]]:
    """Check the hosts now; returns state and text of each finding by host and subject."""
    caches["throttles"].clear()
    assert brand_hosts_check(account=account) == 0
    return {f"{row.host} {row.subject}": (row.state, row.found) for row in HostFinding.objects.order_by("pk")}


def get_on(host: str, path: str = "/login") -> asgi.Answer:
    return asgi.browser_request(path, host=host)


# -- where hosts lead ---------------------------------------------------------------------------------------------


def test_a_host_whose_cname_leads_here_is_good_once_it_is_served(
    branded: Account, dns: DnsServer, installation: Proving
) -> None:
    dns.aliases[HOST] = TARGET
    assert check(branded) == {
        f"{HOST} route": ("good", f"CNAME {TARGET}"), f"{HOST} served": ("good", "It answers by http."),
    }  # fmt: skip


def test_a_name_without_subdomain_leads_here_by_its_address(
    branded: Account, dns: DnsServer, installation: Proving
) -> None:
    dns.addresses[HOST] = ["127.0.0.1"]
    assert check(branded)[f"{HOST} route"] == ("good", "127.0.0.1")


def test_a_host_behind_another_network_is_good_because_it_answers_as_this_installation(
    branded: Account, dns: DnsServer, installation: Proving
) -> None:
    dns.aliases[HOST], dns.addresses["cdn.example"] = "cdn.example", ["127.0.0.1"]
    dns.addresses[TARGET] = ["192.0.2.7"]
    assert check(branded)[f"{HOST} route"] == ("good", "CNAME cdn.example, which leads here")
    installation.is_ours = False
    found = check(branded)
    assert found[f"{HOST} route"] == ("different", "CNAME cdn.example")
    assert found[f"{HOST} served"] == ("different", "Another server answers there, with status 200.")


def test_a_host_without_record_or_with_a_silent_name_server_says_so(
    branded: Account, dns: DnsServer, installation: Proving
) -> None:
    found = check(branded)
    assert found[f"{HOST} route"] == ("missing", "There is no such record.")
    assert found[f"{HOST} served"][0] == "missing" and found[f"{HOST} served"][1]
    dns.broken.add(HOST)
    state, sentence = check(branded)[f"{HOST} route"]
    assert state == "unknown" and "DNS did not answer" in sentence


def test_this_installation_proves_itself_on_every_host_and_nowhere_else() -> None:
    answers = {host: get_on(host, PROOF_PATH).text for host in (HOST, TRACKING, "go.agency.example")}
    assert answers == {host: build_proof(host) for host in answers} and len(set(answers.values())) == 3
    assert get_on("STATS.agency.example:8000", PROOF_PATH).text == answers[HOST]
    assert asgi.request(PROOF_PATH, "POST", {"host": HOST}).status == 405


def test_the_page_and_the_api_say_which_record_is_missing(
    branded: Account, alice: User, client: Client, dns: DnsServer, installation: Proving
) -> None:
    domain_create(account=branded, name=LINKS)
    verify_host(branded, LINKS, Purpose.LINKS)
    account_brand_set(account=branded, tracking_host=TRACKING)
    client.force_login(alice)
    client.post("/account/brand/check")
    page = read_html(client.get("/account/brand"))
    for words in (
        f"<code data-copy>{HOST}</code>",
        "CNAME",
        TARGET,
        "There is no such record.",
        "Not verified yet",
        LINKS,
    ):
        assert words in page, words
    told = client.post("/api/v1/brand/check", headers={"authorization": f"Bearer {branded.authkey}"}).json()
    uses = {host["host"]: host["uses"] for host in told["hosts"]}
    assert uses == {
        HOST: ["Dashboard", "Scripts and beacons", "Links"], TRACKING: ["Scripts and beacons"], LINKS: ["Links"],
    }  # fmt: skip
    route = told["hosts"][0]["records"][0]
    assert route["value"] == TARGET and route["state"] == "missing"
    record = (told["hosts"][1]["record_name"], told["hosts"][1]["record_value"])
    assert record == (f"_analytics-host.{TRACKING}", f"account={branded.pk}")
    headers = {"authorization": f"Bearer {branded.authkey}", "host": HOST}
    on_host = client.get("/api/v1/brand", headers=headers).json()["hosts"]
    assert on_host == told["hosts"]


def test_a_record_with_the_former_label_counts_until_there_is_a_new_one(dns: DnsServer) -> None:
    dns.texts[f"_footfall.{HOST}"] = [("account=7",)]
    assert look_up_named_accounts(HOST) == {7}
    dns.name_accounts(HOST, 8)
    assert look_up_named_accounts(HOST) == {8}


# -- what a host of scripts serves --------------------------------------------------------------------------------


def test_a_host_of_scripts_has_scripts_and_beacons_and_no_pages(branded: Account, site: Site, alice: User) -> None:
    account_brand_set(account=branded, tracking_host=TRACKING)
    assert find_script_host(branded) == HOST, "not verified yet"
    verify_host(branded, TRACKING, Purpose.BRAND)
    assert find_script_host(branded) == TRACKING
    assert '"n":"agencynumbers"' in get_on(TRACKING, "/js").text.replace(" ", "")
    assert get_on(TRACKING, f"/in.php?site_id={site.pk}&type=pageview&href=/").status == 200
    for path in ("/", "/login", "/sites", "/api/v1/me", "/docs/", "/account/brand"):
        answer = get_on(TRACKING, path)
        assert answer.status == 404 and "footfall" not in answer.text.lower() and not answer.cookies, path
    assert "There are no pages on this host." in get_on(TRACKING, "/").text
    assert "no pages" not in get_on(TRACKING, "/ajax/onsitestats/").text, "the widget is there"
    assert get_on(HOST).status == 200


def test_the_snippet_names_the_host_of_scripts(branded: Account, site: Site, alice: User, client: Client) -> None:
    account_brand_set(account=branded, tracking_host=TRACKING)
    verify_host(branded, TRACKING, Purpose.BRAND)
    client.force_login(alice)
    assert f"//{TRACKING}/js" in client.get(f"/sites/{site.pk}/settings/tracking-code").content.decode()


def test_a_client_without_a_white_label_has_the_scripts_and_the_sender_of_its_agency(branded: Account) -> None:
    client_account = client_create(agency=branded, name="Client").account
    assert find_script_host(client_account) == HOST
    assert load_brand(client_account).sender == f"Agency Numbers <noreply@{HOST}>"
    verify_host(client_account, "stats.client.example", Purpose.BRAND)
    account_brand_set(account=client_account, host="stats.client.example", name="Own")
    assert find_script_host(client_account) == "stats.client.example"
    assert load_brand(client_account).sender == "Own <noreply@stats.client.example>"


def test_a_host_that_is_no_longer_named_is_released(branded: Account) -> None:
    account_brand_set(account=branded, tracking_host=TRACKING, sender=SENDER)
    assert set(HostClaim.objects.values_list("host", flat=True)) == {HOST, TRACKING, "agency.example"}
    account_brand_set(account=branded, tracking_host=HOST)
    assert set(HostClaim.objects.values_list("host", flat=True)) == {HOST, "agency.example"}
    account_brand_set(account=branded, host="", sender="")
    assert set(HostClaim.objects.values_list("host", flat=True)) == {HOST}, "scripts are there"
    site_cache.refresh()
    assert get_on(HOST).status == 404 and get_on(HOST, "/js").status == 200
    account_brand_set(account=branded, tracking_host="")
    assert not HostClaim.objects.exists()


def test_links_and_scripts_cannot_have_the_same_host(branded: Account) -> None:
    domain_create(account=branded, name=LINKS)
    with pytest.raises(ValidationError) as error:
        account_brand_set(account=branded, tracking_host=LINKS)
    assert list(error.value.message_dict) == ["tracking_host"]


def test_a_host_of_scripts_that_somebody_else_has_verified_stays_theirs(branded: Account, charlie: User) -> None:
    other = charlie.memberships.get().account
    account_brand_set(account=other, tracking_host=HOST, name="Charlie")
    assert find_brand_by_host(HOST).name == "Agency Numbers" and find_script_host(other) == ""


# -- the sender ---------------------------------------------------------------------------------------------------


def test_mails_come_from_the_sender_once_its_domain_is_verified(branded: Account, alice: User, client: Client) -> None:
    account_brand_set(account=branded, sender="Reports@AGENCY.example")
    assert load_brand(branded).sender == f"Agency Numbers <noreply@{HOST}>"
    verify_host(branded, "agency.example", Purpose.BRAND)
    client.force_login(alice)
    client.post("/account/team", {"email": "zoe@example.org", "role": "viewer"})
    assert mail.outbox[-1].message()["From"] == "Agency Numbers <reports@agency.example>"
    assert mail.outbox[-1].message()["Message-ID"].endswith("@agency.example>"), "not the name of this machine"
    assert find_brand_by_host("agency.example") == DEFAULT_BRAND, "the domain of the sender shows no pages"


def test_a_link_domain_that_is_verified_will_do_for_the_sender(branded: Account) -> None:
    domain_create(account=branded, name=LINKS)
    account_brand_set(account=branded, sender=f"reports@{LINKS}")
    assert load_brand(branded).sender_address == ""
    verify_host(branded, LINKS, Purpose.LINKS)
    assert load_brand(branded).sender_address == f"reports@{LINKS}"


@pytest.mark.parametrize(
    "sender", ["nobody", "a@b", "a@localhost", "a b@agency.example", "a@agency.example\nBcc: x@y.z"]
)
def test_what_is_no_address_is_refused(branded: Account, sender: str) -> None:
    with pytest.raises(ValidationError):
        account_brand_set(account=branded, sender=sender)


def test_the_records_of_the_sender_are_compared_with_those_that_the_mail_server_needs(
    branded: Account, dns: DnsServer, installation: Proving, settings: Settings
) -> None:
    settings.MAIL_SPF, settings.MAIL_DKIM = "include:_spf.example.net", ("s1", "dkim.example.net")
    account_brand_set(account=branded, sender=SENDER)
    domain, key = "agency.example", "s1._domainkey.agency.example"
    missing = {subject: check(branded)[f"{domain} {subject}"][0] for subject in ("spf", "dkim", "dmarc")}
    assert missing == dict.fromkeys(missing, "missing")
    dns.texts[domain] = [("some other text",), ("v=spf1 include:elsewhere.example ~all",)]
    dns.aliases[key] = "elsewhere.example"
    dns.texts["_dmarc.agency.example"] = [("v=DMARC1; p=reject",)]
    found = check(branded)
    assert found[f"{domain} spf"] == ("different", "v=spf1 include:elsewhere.example ~all")
    assert found[f"{domain} dkim"] == ("different", "CNAME elsewhere.example")
    assert found[f"{domain} dmarc"] == ("good", "v=DMARC1; p=reject")
    dns.texts[domain] = [("v=spf1 include:elsewhere.example ", "include:_spf.example.net ~all")]
    dns.aliases[key] = "dkim.example.net"
    found = check(branded)
    assert (found[f"{domain} spf"][0], found[f"{domain} dkim"][0]) == ("good", "good")
    dns.texts[domain].append(("v=spf1 -all",))
    assert check(branded)[f"{domain} spf"][0] == "different", "mail servers ignore two of them"


def test_checks_are_limited_per_account(branded: Account, alice: User, client: Client) -> None:
    client.force_login(alice)
    HostClaim.objects.all().delete()  # so that there is nothing to look up
    for _ in range(21):
        answer = client.post("/account/brand/check", follow=True)
    assert "Too many checks" in answer.content.decode()


# -- the preview --------------------------------------------------------------------------------------------------


def test_the_preview_shows_what_is_not_saved(branded: Account, alice: User, client: Client) -> None:
    client.force_login(alice)
    page = client.post("/account/brand/preview", {"name": "New <b>Name</b>", "accent": "#ffdd00"}).content.decode()
    assert "New &lt;b&gt;Name&lt;/b&gt;" in page and "/account/brand/preview.css?accent=%23ffdd00" in page
    assert "--accent:" in client.get("/account/brand/preview.css?accent=%23ffdd00").content.decode()
    assert client.get("/account/brand/preview.css?accent=red;}").content == b""
    branded.refresh_from_db()
    assert branded.brand["name"] == "Agency Numbers"
