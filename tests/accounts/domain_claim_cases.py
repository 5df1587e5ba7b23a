"""The hosts that an account may not use, every way to claim a host, and every way in which hosts are served.

charlie claims hosts that alice has; the installation is at BASE, its links at SHARED, its links API at API. A new
purpose, a new caller of `host_claim` or a new operation on domains must be added here: `test_domain_claims_matrix.py`
counts them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.core import mail
from django.core.cache import caches
from django.core.exceptions import ValidationError
from django.test import Client

from accounts.models import Account, HostClaim, Purpose, User
from accounts.services import account_brand_set, account_create
from links.models import Domain
from sites.models import Site
from sites.services import site_create
from sites.site_moves import site_move
from tests.conftest import PASSWORD
from tests.support import asgi
from tests.support.endpoints import list_stored_rows
from tests.support.links import create_link, refresh_caches
from tests.support.traffic import confirm

BASE, SHARED, API = "stats.saas.example", "go.saas.example", "api.saas.example"
BRAND, LINKS, SITE = "stats.alice.example", "go.alice.example", "alice.example"
ROOTS = (BASE, SHARED, API, "apiv2.saas.example", "apiv2.clickmeter.example")
RESERVED = tuple(f"{prefix}{root}" for root in ROOTS for prefix in ("", "www.", "x.", "x.y."))
HELD = {BRAND: Purpose.BRAND, LINKS: Purpose.LINKS, SITE: Purpose.SITE}
FREE = "free.example"


@dataclass
class Claimant:
    """Somebody who owns an account with a site and wants hosts."""

    user: User
    account: Account
    site: Site

    @cached_property
    def client(self) -> Client:
        """A browser with a session: its user confirms who they are once for all claims."""
        client = Client()
        client.force_login(self.user)
        return client

    def call(self, method: str, path: str, body: dict[str, Any]) -> Any:
        """A program's call with the account's key; its response."""
        caches["requests"].clear()  # the rate limit: tests are faster than programs may be
        key = self.account.authkey
        keys = {"Authorization": f"Bearer {key}", "X-Clickmeter-Authkey": key}
        return Client().generic(method, path, json.dumps(body), content_type="application/json", headers=keys)

    def claims(self, host: str, purpose: str) -> bool:
        return HostClaim.objects.filter(account=self.account, host=host, purpose=purpose).exists()


@dataclass(frozen=True)
class Way:
    """A way to claim: for which purpose, through which function that calls `host_claim`, and the doing of it, which
    gives the text of the answer."""

    purpose: str
    function: str
    claim: Callable[[Claimant, str], str]


def by_service(who: Claimant, host: str) -> str:
    try:
        account_brand_set(account=who.account, host=host)
    except ValidationError as error:
        return " ".join(error.messages)
    return ""


def posted(path: str, **fields: str) -> Callable[[Claimant, str], str]:
    """A form; `HOST` among its fields stands for the host, `SITE` in the path for the site's number."""

    def claim(who: Claimant, host: str) -> str:
        data = {name: host if value == "HOST" else value for name, value in fields.items()}
        answer = who.client.post(path.replace("SITE", str(who.site.pk)), data)
        return answer.content.decode()

    return claim


def sent(method: str, path: str, name: str, **more: str) -> Callable[[Claimant, str], str]:
    """A call of an API that names the host in the member `name`."""

    def claim(who: Claimant, host: str) -> str:
        return str(who.call(method, path.replace("SITE", str(who.site.pk)), {name: host, **more}).content.decode())

    return claim


def brand_form(who: Claimant, host: str) -> str:
    """Claim it by the form, which asks once in five minutes to confirm who it is; confirmations are limited."""
    form = {"host": host, "name": "Charlie"}
    answer = who.client.post("/account/brand", form)
    if "/me/confirm" in answer.headers.get("Location", ""):
        answer = confirm(who.client, PASSWORD).post("/account/brand", form)
    return str(answer.content.decode())


def new_site_form(who: Claimant, host: str) -> str:
    return posted("/sites/new", account=str(who.account.pk), domain="HOST", timezone="UTC")(who, host)


def old_domain_checked(who: Claimant, host: str) -> str:
    """Check now, on a domain that stands in the table since before hosts were claimed."""
    row = Domain(account=who.account, name=host)
    row.save()
    answer = who.client.post(f"/links/domains/{row.pk}", {"check": "1"}, follow=True)
    return answer.content.decode()


def site_moved(who: Claimant, host: str) -> str:
    """Move a site from another account of the same person; it stands in the table since before hosts were claimed."""
    other = account_create(name="Second", owner=who.user)
    newest = Site.objects.order_by("-pk").values_list("pk", flat=True)[0]
    site = Site.objects.create(pk=newest + 1, account=other, domain=host)
    try:
        site_move(site=site, account=who.account)
    except ValidationError as error:
        return " ".join(error.messages)
    return ""


WAYS: dict[str, Way] = {
    "links form": Way(Purpose.LINKS, "domain_create", posted("/links/domains", name="HOST")),
    "POST /clickmeter/domains": Way(
        Purpose.LINKS, "domain_create", sent("POST", "/clickmeter/domains", "name", type="dedicated")
    ),
    "check of an old domain": Way(Purpose.LINKS, "check_domain", old_domain_checked),
    "brand form": Way(Purpose.BRAND, "account_brand_set", brand_form),
    "brand service": Way(Purpose.BRAND, "account_brand_set", by_service),
    "site form": Way(Purpose.SITE, "_claim_domain", new_site_form),
    "site settings form": Way(
        Purpose.SITE, "_claim_domain", posted("/sites/SITE/settings/general", domain="HOST", timezone="UTC")
    ),
    "POST /api/v1/sites": Way(Purpose.SITE, "_claim_domain", sent("POST", "/api/v1/sites", "domain")),
    "PATCH /api/v1/sites": Way(Purpose.SITE, "_claim_domain", sent("PATCH", "/api/v1/sites/SITE", "domain")),
    "moved site": Way(Purpose.SITE, "move_domain_claim", site_moved),
}


# -- serving ------------------------------------------------------------------------------------------------------


def redirector_root(who: Claimant, host: str) -> bool:
    return b"from-charlie" in asgi.browser_request("/charlies", host=host).headers.get("location", "").encode()


def below_l(who: Claimant, host: str) -> bool:
    return "from-charlie" in asgi.browser_request("/l/charlies", host=host).headers.get("location", "")


def dashboard(who: Claimant, host: str) -> bool:
    return "Charlie" in asgi.browser_request("/login", host=host).text


def tracker(who: Claimant, host: str) -> bool:
    return '"n":"charlie"' in asgi.browser_request("/js", host=host).text.replace(" ", "")


def keyless_event(who: Claimant, host: str) -> bool:
    body = json.dumps({"url": f"https://{host}/secret"}).encode()
    asgi.browser_request(
        "/api/event", host="tracker.example", method="POST", body=body, content_type="application/json"
    )
    return is_stored(who, "host", host)


def keyless_beacon(who: Claimant, host: str) -> bool:
    asgi.browser_request(f"/in.php?domain={host}&href=/beacon", host="tracker.example", referer=f"https://{host}/")
    return is_stored(who, "path", "/beacon")


def is_stored(who: Claimant, column: str, value: str) -> bool:
    """Whether an event of the claimant's sites has this value."""
    sites = set(Site.objects.filter(account=who.account).values_list("pk", flat=True))
    return any(row["site_id"] in sites and row[column] == value for row in list_stored_rows())


def mails(who: Claimant, host: str) -> bool:
    mail.outbox.clear()
    caches["throttles"].clear()  # mails to one address are limited
    who.client.post("/account/team", {"email": "somebody@example.org", "role": "viewer"})
    (letter,) = mail.outbox
    return f"@{host}" in letter.message()["From"] or (host != BASE and f"//{host}" in letter.body)


SERVED: dict[str, tuple[Callable[[Claimant, str], bool], ...]] = {
    Purpose.LINKS: (redirector_root, below_l),
    Purpose.BRAND: (dashboard, tracker, mails),
    Purpose.SITE: (keyless_event, keyless_beacon),
}


def served(who: Claimant, host: str, purpose: str = "") -> list[str]:
    """The ways in which the host serves what is the claimant's."""
    refresh_caches()
    purposes = [purpose] if purpose else list(SERVED)
    return [way.__name__ for one in purposes for way in SERVED[one] if way(who, host)]


def create_unrefused_rows(who: Claimant, host: str, purpose: str) -> None:
    """Rows as they would stand if nobody had refused the claim: what is served of them is what serving lets through."""
    if purpose == Purpose.BRAND:
        Account.objects.filter(pk=who.account.pk).update(brand={"host": host, "name": "Charlie"})
    elif purpose == Purpose.LINKS:
        row = Domain.objects.filter(account=who.account, name=host, deleted=None).first()
        if row is None:
            row = Domain(account=who.account, name=host)
            row.save()
        create_link(who.account, "charlies", domain=row, url="https://x.test/from-charlie")
    elif not Site.objects.filter(account=who.account, domain=host).exists():
        Site.objects.filter(pk=site_create(account=who.account, domain="made.example").pk).update(domain=host)
