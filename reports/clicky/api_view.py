"""What the views of the Clicky dialect share: parameters of URL and form, the choice of the output, errors, headers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from django.http import HttpRequest
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from reports.clicky import outputs
from reports.clicky.errors import handle_error


def read_parameters(request: HttpRequest) -> Mapping[str, str]:
    """Return the parameters of the URL and of a form sent by POST; the first value of a repeated one."""
    params = {name: values[0] for name, values in request.GET.lists() if values}
    if request.method == "POST":
        params |= {name: values[0] for name, values in request.POST.lists() if values}
    return params


def get_params(request: Request) -> Mapping[str, str]:
    """Return the parameters that the request's view has read."""
    return cast(ClickyView, request.parser_context["view"]).params


class ClickyView(APIView):
    """A view whose request is its parameters, sent in the URL or, which is answered alike, as a form.

    Any other body is ignored, and so is `Accept`: clients name the format in the parameter `output`.
    """

    http_method_names = ["get", "head", "post"]
    parser_classes = []
    renderer_classes = list(outputs.RENDERERS.values())
    params: Mapping[str, str]

    def initialize_request(self, request: HttpRequest, *args: object, **kwargs: object) -> Request:
        self.params = read_parameters(request)
        return super().initialize_request(request, *args, **kwargs)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        renderer = outputs.choose_renderer(self.params)()
        return renderer, renderer.media_type

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        """Reject other methods before the key is read, and let a preflight pass, which carries none."""
        if str(request.method).lower() not in self.http_method_names:
            self.http_method_not_allowed(request)
        if request.method != "OPTIONS":
            super().initial(request, *args, **kwargs)

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        raise NotImplementedError

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.get(request, *args, **kwargs)

    def get_exception_handler(self) -> Callable[..., Response | None]:
        return handle_error

    @property
    def default_response_headers(self) -> dict[str, str]:
        """Let scripts of any page read the response: only the key in the address protects it."""
        return {
            "Allow": ", ".join(self.allowed_methods),
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
            "Access-Control-Allow-Headers": "*",
            "Access-Control-Expose-Headers": "X-RateLimit-Limit, X-RateLimit-Remaining, Retry-After",
            "Cache-Control": "no-store",
        }
