"""What every Django answer has: a policy of what a page may load and who may frame it, and a way to say "busy"."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from accounts.security.hashers import RETRY_SECONDS, HashingBusy

POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: https:; connect-src 'self'; "
    "font-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
FRAMED = POLICY.replace("frame-ancestors 'none'", "frame-ancestors *")
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
