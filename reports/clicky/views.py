"""The views of the Stats API, and what all views of the Clicky dialect share: parameters of URL and form, the keys in
them, the choice of the output, errors and headers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import ClassVar, NoReturn, cast

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.utils import timezone as clock
from rest_framework.exceptions import APIException
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.throttles import AccountThrottle
from accounts.plans.models import Api
from accounts.security.client_ip import get_client_key
from reports.clicky import outputs
from reports.clicky.errors import ClickyError, handle_error
from reports.clicky.openapi import describe_stats
from reports.clicky.result_links import ResultLinks
from reports.clicky.stats_request import find_site, parse_request
from reports.clicky.types import build_result
from sites.site_config import SiteConfig

CORS_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Expose-Headers": "X-RateLimit-Limit, X-RateLimit-Remaining, Retry-After",
}


class ClickyView(APIView):
    """A view whose request is its parameters, sent in the URL or, which is answered alike, as a form.

    Any other body is ignored, and so is `Accept`: clients name the format in the parameter `output`, unless the view
    has only one. Keys are parameters, too: `perform_authentication` finds what they open.
    """

    http_method_names = ["get", "head", "post"]
    parser_classes = []
    renderer_classes = list(outputs.RENDERERS.values())
    only_renderer: ClassVar[type[outputs.OutputRenderer] | None] = None
    is_readable_by_scripts: ClassVar[bool] = True  # of other sites (CORS): only the key in the address protects it
    params: Mapping[str, str]
    get: Callable[..., Response]

    def initialize_request(self, request: HttpRequest, *args: object, **kwargs: object) -> Request:
        """Read the parameters of the URL and of a form sent by POST; the first value of a repeated one."""
        parameters = [*request.GET.lists(), *(request.POST.lists() if request.method == "POST" else ())]
        self.params = {name: values[0] for name, values in parameters if values}
        return super().initialize_request(request, *args, **kwargs)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        renderer = (self.only_renderer or outputs.choose_renderer(self.params))()
        return renderer, renderer.media_type

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        """Reject other methods before the key is read, and let a preflight pass, which carries none."""
        if str(request.method).lower() not in self.http_method_names:
            self.http_method_not_allowed(request)
        if request.method != "OPTIONS":
            super().initial(request, *args, **kwargs)

    def post(self, request: Request, *args: object, **kwargs: object) -> Response:
        return self.get(request, *args, **kwargs)

    def get_exception_handler(self) -> Callable[..., Response | None]:
        return handle_error

    @property
    def default_response_headers(self) -> dict[str, str]:
        headers = {"Allow": ", ".join(self.allowed_methods), "Cache-Control": "no-store"}
        return headers | CORS_HEADERS if self.is_readable_by_scripts else headers


class AddressThrottle(AccountThrottle):
    """The account's limit of requests a minute and address; the default where no key opened a site."""

    limit_name = "clicky_per_minute"
    api = Api.CLICKY

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
    throttle_classes = [AddressThrottle]

    def get(self, request: Request) -> Response:
        site = cast(SiteConfig, request.auth)
        links = ResultLinks(cache(lambda: f"{request.scheme}://{request.get_host()}"), site)
        return Response(build_result(parse_request(site, self.params, clock.now(), links)))

    def options(self, request: Request, *args: object, **kwargs: object) -> HttpResponse:  # type: ignore[override]
        return HttpResponse(status=204)

    def perform_authentication(self, request: Request) -> None:
        """Find the site. A request whose key opens none counts, too: keys could be guessed without end."""
        try:
            request.user, request.auth = AnonymousUser(), find_site(self.params)
        except APIException:
            self.check_throttles(request)
            raise

    def throttled(self, request: Request, wait: float) -> NoReturn:
        maximum = self.headers["X-RateLimit-Limit"]
        raise ClickyError(f"Too many requests: at most {maximum} per minute.", 429, int(wait))
