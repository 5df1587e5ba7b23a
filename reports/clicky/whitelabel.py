"""The white-label API as far as it is documented: plain text, `OK` or `NOK` first; the list of sites is XML.

`auth` is the account's key. The names of the operations that create and change things are not documented; sites, users
and goals are managed by this product's own API instead, and every other name here answers NOK.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone as clock
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from accounts.keys import hash_key
from accounts.models import Account
from accounts.security import rate_limits
from accounts.security.client_ip import get_client_key
from reports.clicky import outputs
from reports.clicky.views import read_parameters
from reports.query import Period, Query, ask
from reports.query.model import MAX_SITES
from sites.models import Site

INVALID_KEY = (1, "Invalid auth key.")
UNKNOWN_OPERATION = (2, "Unknown operation.")
UNKNOWN_SITE = (3, "Unknown site_id.")
WRONG_KEY = rate_limits.RateLimit("whitelabel-auth", 20, 300)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def whitelabel(request: HttpRequest, operation: str) -> HttpResponse:
    """Answer `/api/whitelabel/<operation>?auth=`."""
    params, attempt = read_parameters(request), (WRONG_KEY, get_client_key(request))
    account = None if rate_limits.count_attempt(attempt) else find_account(params.get("auth", ""))
    if account is None:
        return build_error(*INVALID_KEY)
    rate_limits.undo_attempt(attempt)
    name = operation.strip("/").lower()
    if name == "sites":
        return list_sites(account)
    if name == "usage":
        return count_usage(account, params.get("site_id", ""))
    return build_error(*UNKNOWN_OPERATION)


def find_account(key: str) -> Account | None:
    return Account.objects.filter(authkey_hash=hash_key(key.strip().upper())).first() if key.strip() else None


def build_lines(*parts: object) -> HttpResponse:
    return HttpResponse("\n".join(map(str, parts)) + "\n", content_type="text/plain; charset=utf-8")


def build_error(code: int, sentence: str) -> HttpResponse:
    return build_lines("NOK", code, sentence)


def list_sites(account: Account) -> HttpResponse:
    """Answer `<response><site>…` with every site of the account."""
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
    elements = "".join(outputs.render_element("site", row) for row in rows)
    body = f'{outputs.XML_DECLARATION}<response status="ok">{elements}</response>\n'
    return HttpResponse(body, content_type=outputs.CONTENT_TYPES["xml"])


def count_usage(account: Account, site_id: str) -> HttpResponse:
    """Answer OK, then this month's page views of one site or of all."""
    ids = list(Site.objects.filter(account=account, deleted=None).values_list("pk", flat=True))
    if site_id:
        ids = [pk for pk in ids if str(pk) == site_id]
        if not ids:
            return build_error(*UNKNOWN_SITE)
    now = clock.now()
    month = Period.parse("this-month", "UTC", now)
    chunks = [tuple(ids[start : start + MAX_SITES]) for start in range(0, len(ids), MAX_SITES)]
    return build_lines("OK", sum(ask(Query(chunk, month, ("views",)), now=now).rows[0]["views"] for chunk in chunks))
