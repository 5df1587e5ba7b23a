"""What every Django answer has: headers, methods that no page answers, the way to https, and a way to say "busy"."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponsePermanentRedirect

from accounts.host_names import host_name
from accounts.security.hashers import RETRY_SECONDS, HashingBusy

POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: https:; connect-src 'self'; "
    "font-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
FRAMED = POLICY.replace("frame-ancestors 'none'", "frame-ancestors *")
PROGRAMS = ("/api/", "/clickmeter/", "/stats/api", "/ajax/")  # programs do not follow redirects, or lose their keys
Answer = Callable[[HttpRequest], HttpResponse]


class ContentSecurityPolicy:
    """Says on every answer that nothing inline runs; a view that sets its own policy keeps it."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        framed = getattr(response, "xframe_options_exempt", False)  # a view for frames says so to Django's own header
        response.headers.setdefault("Content-Security-Policy", FRAMED if framed else POLICY)
        response.headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
        return response


class BusyAnswer:
    """Answers 503 with Retry-After where a password could not be hashed because too many are at the moment."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Django calls this for what a view raised; None leaves it to others."""
        if not isinstance(exception, HashingBusy):
            return None
        response = HttpResponse(f"{exception}\n", content_type="text/plain; charset=utf-8", status=503)
        response["Retry-After"] = str(RETRY_SECONDS)
        return response


class PageMethods:
    """Answers OPTIONS for pages with 405; their views would take it for GET. APIs answer it themselves."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method == "OPTIONS" and not for_programs(request):
            return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
        return self.get_response(request)


def for_programs(request: HttpRequest) -> bool:
    """Whether an API answers at this address, not a page for people."""
    return request.path.startswith(PROGRAMS) or hasattr(request, "urlconf")  # set for hosts of the link API


class TransportSecurity:
    """Leads people who come by http to https, and tells browsers to stay there and who may load what.

    Somebody is led on only where a trusted proxy says that they came by http. A browser that sends Sec-Fetch headers
    came by https whatever the proxy says: leading it on would never end.
    """

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.SECURE and should_be_secure(request):
            return HttpResponsePermanentRedirect(f"https://{request.get_host()}{request.get_full_path()}")
        response = self.get_response(request)
        response.headers.setdefault("Cross-Origin-Resource-Policy", resource_policy(request, response))
        if settings.SECURE and request.is_secure() and host_name(request.get_host()) == settings.BASE_HOST:
            response.headers.setdefault("Strict-Transport-Security", f"{settings.HSTS}; includeSubDomains")
        return response


def should_be_secure(request: HttpRequest) -> bool:
    """Whether a person asks for a page by http though it is there by https."""
    scope = getattr(request, "scope", {})
    return (
        scope.get("forwarded_scheme") == "http"
        and request.method in ("GET", "HEAD")
        and not for_programs(request)
        and "Sec-Fetch-Mode" not in request.headers
    )


def resource_policy(request: HttpRequest, response: HttpResponse) -> str:
    """Which sites may load an answer into their pages: any, where it is made for that, else only our own."""
    kind = response.headers.get("Content-Type", "")
    open_to_all = (
        "Access-Control-Allow-Origin" in response.headers
        or getattr(response, "xframe_options_exempt", False)
        or kind.startswith("application/javascript")
        or (kind.startswith("image/") and request.path.startswith("/share/"))
    )
    return "cross-origin" if open_to_all else "same-origin"
