"""The stylesheet and the files of a white-label host."""

from django.http import Http404, HttpRequest, HttpResponse

from accounts.branding import get_request_brand
from accounts.white_label.accent_colors import format_stylesheet
from accounts.white_label.models import BrandFile

FOREVER, BRIEFLY = "public, max-age=31536000, immutable", "public, max-age=60"


def serve_brand_stylesheet(request: HttpRequest) -> HttpResponse:
    """Serve the host's colours as a stylesheet, because the Content-Security-Policy allows no inline style."""
    accent = get_request_brand(request).accent
    if not accent:
        raise Http404("This host has no colour of its own.")
    response = HttpResponse(format_stylesheet(accent), content_type="text/css")
    response["Cache-Control"] = "public, max-age=300"
    return response


def serve_brand_file(request: HttpRequest, kind: str) -> HttpResponse:
    """Serve the logo or icon of the host's brand; forever if the address has its version."""
    row = BrandFile.objects.filter(account=get_request_brand(request).account_id, kind=kind).first()
    if row is None:
        raise Http404("This host has no such image.")
    response = HttpResponse(bytes(row.body), content_type="image/png")
    response["Cache-Control"] = FOREVER if request.GET.get("v") == row.version else BRIEFLY
    response["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"  # webmail shows mails on pages of its own
    return response
