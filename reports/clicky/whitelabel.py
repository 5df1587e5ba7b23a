"""The white-label API, as far as it is known: plain text, `OK` or `NOK` first; the list of sites is XML.

`auth` is the account's key. What the operations that create and change things were called is not known; sites,
users and goals are managed by this product's own API instead, and every other name here answers NOK.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone as clock
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from accounts import throttle
from accounts.keys import key_hash
from accounts.models import Account
from accounts.security.client_ip import client_key
from reports.clicky import outputs
from reports.clicky.views import parameters
from reports.engine import Period, Query, ask
from reports.engine.query import MOST_SITES
from sites.models import Site

NO_KEY = (1, "Invalid auth key.")
NO_OPERATION = (2, "Unknown operation.")
NO_SITE = (3, "Unknown site_id.")
WRONG_KEY = throttle.Limit("whitelabel-auth", 20, 300)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def whitelabel(request: HttpRequest, operation: str) -> HttpResponse:
    """`/api/whitelabel/<operation>?auth=`."""
    given, limit = parameters(request), (WRONG_KEY, client_key(request))
    account = None if throttle.count_attempt(limit) else account_of(given.get("auth", ""))
    if account is None:
        return refused(*NO_KEY)
    throttle.undo_attempt(limit)
    name = operation.strip("/").lower()
    if name == "sites":
        return sites(account)
    if name == "usage":
        return usage(account, given.get("site_id", ""))
    return refused(*NO_OPERATION)


def account_of(key: str) -> Account | None:
    return Account.objects.filter(authkey_hash=key_hash(key.strip().upper())).first() if key.strip() else None


def lines(*parts: object) -> HttpResponse:
    return HttpResponse("\n".join(map(str, parts)) + "\n", content_type="text/plain; charset=utf-8")


def refused(code: int, sentence: str) -> HttpResponse:
    return lines("NOK", code, sentence)


def sites(account: Account) -> HttpResponse:
    """`<response><site>…` of every site of the account."""
    rows = [
        {
            "site_id": str(site.pk),
            "hostname": site.domain,
            "nickname": str(site),
            "sitekey": site.sitekey,
            "server": "",
            "sitekey_admin": site.sitekey_admin,
        }
        for site in Site.objects.filter(account=account, deleted=None).order_by("pk")
    ]
    inside = "".join(outputs.element("site", row) for row in rows)
    body = f'{outputs.XML}<response status="ok">{inside}</response>\n'
    return HttpResponse(body, content_type=outputs.CONTENT_TYPES["xml"])


def usage(account: Account, site_id: str) -> HttpResponse:
    """OK, then page views of this month: of one site or of all."""
    ids = list(Site.objects.filter(account=account, deleted=None).values_list("pk", flat=True))
    if site_id:
        ids = [pk for pk in ids if str(pk) == site_id]
        if not ids:
            return refused(*NO_SITE)
    now = clock.now()
    month = Period.parse("this-month", "UTC", now)
    chunks = [tuple(ids[first : first + MOST_SITES]) for first in range(0, len(ids), MOST_SITES)]
    return lines("OK", sum(ask(Query(chunk, month, ("views",)), now=now).rows[0]["views"] for chunk in chunks))
