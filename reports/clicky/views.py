"""The Stats API: the key of a site, the limit of requests a minute, and the view."""

from __future__ import annotations

from typing import NoReturn, cast

from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse
from django.utils import timezone as clock
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.throttles import AccountThrottle
from accounts.security.client_ip import get_client_key
from reports.clicky.api_view import ClickyView, get_params
from reports.clicky.errors import ClickyError
from reports.clicky.openapi import describe_stats
from reports.clicky.result_links import ResultLinks
from reports.clicky.stats_request import find_site, parse_request
from reports.clicky.types import build_result
from sites.site_config import SiteConfig


class SitekeyAuthentication(BaseAuthentication):
    """Authentication by `site_id` with `sitekey` or `sitekey_admin`; `request.auth` is the site that they open."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, SiteConfig]:
        return AnonymousUser(), find_site(get_params(request))


class AddressThrottle(AccountThrottle):
    """The account's limit of requests a minute and address; the default where no key opened a site."""

    limit_name = "clicky_per_minute"

    def identify(self, request: Request) -> tuple[int | None, str]:
        site = cast(SiteConfig | None, request.auth)
        return site.account_id if site else None, get_client_key(request)

    def allow_request(self, request: Request, view: APIView) -> bool:
        allows = super().allow_request(request, view)
        if self.count.maximum:
            remaining = str(self.count.remaining)
            view.headers |= {"X-RateLimit-Limit": str(self.count.maximum), "X-RateLimit-Remaining": remaining}
        return allows


@describe_stats
class StatsView(ClickyView):
    """`/api/stats/4` and its older addresses; all versions are answered alike."""

    http_method_names = [*ClickyView.http_method_names, "options"]
    authentication_classes = [SitekeyAuthentication]
    throttle_classes = [AddressThrottle]

    def get(self, request: Request, version: str = "4") -> Response:
        site = cast(SiteConfig, request.auth)
        links = ResultLinks(lambda: f"{request.scheme}://{request.get_host()}", site)
        return Response(build_result(parse_request(site, self.params, clock.now(), links)))

    def options(self, request: Request, *args: object, **kwargs: object) -> HttpResponse:  # type: ignore[override]
        return HttpResponse(status=204)

    def perform_authentication(self, request: Request) -> None:
        """Find the site. A request whose key opens none counts, too: keys could be guessed without end."""
        try:
            super().perform_authentication(request)
        except APIException:
            self.check_throttles(request)
            raise

    def throttled(self, request: Request, wait: float) -> NoReturn:
        maximum = self.headers["X-RateLimit-Limit"]
        raise ClickyError(f"Too many requests: at most {maximum} per minute.", 429, int(wait))
