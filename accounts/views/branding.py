"""The stylesheet of a white-label host."""

from django.http import Http404, HttpRequest, HttpResponse

from accounts.branding import get_request_brand
from accounts.white_label.accent_colors import format_stylesheet


def serve_brand_stylesheet(request: HttpRequest) -> HttpResponse:
    """Serve the host's colours as a stylesheet, because the Content-Security-Policy allows no inline style."""
    accent = get_request_brand(request).accent
    if not accent:
        raise Http404("This host has no colour of its own.")
    response = HttpResponse(format_stylesheet(accent), content_type="text/css")
    response["Cache-Control"] = "public, max-age=300"
    return response
