"""The white-label API as far as it is documented: plain text, `OK` or `NOK` first; the list of sites is XML.

`auth` is the account's key. The names of the operations that create and change things are not documented; sites, users
and goals are managed by this product's own API instead, and every other name here answers NOK.
"""

from __future__ import annotations

from typing import cast

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone as clock
from rest_framework.authentication import BaseAuthentication
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.keys import hash_key
from accounts.models import Account
from accounts.security import rate_limits
from accounts.security.client_ip import get_client_key
from reports.clicky.api_view import ClickyView, get_params
from reports.clicky.errors import ClickyError
from reports.clicky.openapi import describe_whitelabel
from reports.clicky.outputs import Data, Item, OutputRenderer, XmlRenderer
from reports.query import Period, Query, ask
from reports.query.model import MAX_SITES
from sites.models import Site

WRONG_KEY = rate_limits.RateLimit("whitelabel-auth", 20, 300)
INVALID_KEY, UNKNOWN_OPERATION, UNKNOWN_SITE = "Invalid auth key.", "Unknown operation.", "Unknown site_id."
ERROR_NUMBERS = {INVALID_KEY: 1, UNKNOWN_OPERATION: 2, UNKNOWN_SITE: 3}


class LinesRenderer(OutputRenderer):
    """Plain text, a line for each value; an error is NOK, its number and its sentence."""

    media_type, format = "text/plain; charset=utf-8", "lines"

    def write(self, data: Data) -> bytes:
        lines = ["NOK", ERROR_NUMBERS.get(data["error"], 2), data["error"]] if isinstance(data, dict) else data
        return "".join(f"{line}\n" for line in lines).encode()


class WhitelabelAuthentication(BaseAuthentication):
    """Authentication by `auth`, an account's key; `request.auth` is the account. Wrong keys are limited by client."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, Account]:
        attempt, key = (WRONG_KEY, get_client_key(request)), get_params(request).get("auth", "").strip().upper()
        is_limited = rate_limits.count_attempt(attempt)
        account = Account.objects.filter(authkey_hash=hash_key(key)).first() if key and not is_limited else None
        if account is None:
            raise ClickyError(INVALID_KEY)
        rate_limits.undo_attempt(attempt)
        return AnonymousUser(), account


@describe_whitelabel
class WhitelabelView(ClickyView):
    """`/api/whitelabel/<operation>?auth=`."""

    authentication_classes = [WhitelabelAuthentication]
    renderer_classes = [LinesRenderer, XmlRenderer]

    def get(self, request: Request, operation: str) -> Response:
        account, params, name = cast(Account, request.auth), self.params, operation.strip("/").lower()
        if name == "sites":
            request.accepted_renderer = XmlRenderer()
            return Response(list_sites(account))
        if name == "usage":
            return Response(["OK", count_usage(account, params.get("site_id", ""))])
        raise ClickyError(UNKNOWN_OPERATION)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        return LinesRenderer(), LinesRenderer.media_type

    @property
    def default_response_headers(self) -> dict[str, str]:
        """Scripts of other pages may not read this, other than the rest of the dialect."""
        return {"Allow": ", ".join(self.allowed_methods)}


def list_sites(account: Account) -> list[Item]:
    """Return every site of the account with Clicky's names of fields."""
    return [
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


def count_usage(account: Account, site_id: str) -> int:
    """Return this month's page views of one site, or of all for "". Raises ClickyError for an unknown site."""
    ids = list(Site.objects.filter(account=account, deleted=None).values_list("pk", flat=True))
    if site_id:
        ids = [pk for pk in ids if str(pk) == site_id]
        if not ids:
            raise ClickyError(UNKNOWN_SITE)
    now = clock.now()
    month = Period.parse("this-month", "UTC", now)
    chunks = [tuple(ids[start : start + MAX_SITES]) for start in range(0, len(ids), MAX_SITES)]
    return sum(
        int(ask(Query(sites=chunk, period=month, metrics=("views",)), now=now).rows[0]["views"]) for chunk in chunks
    )
