"""The URLs of all apps. Requests to fast applications (`config.asgi`) do not get here."""

from django.urls import include, path, re_path

from accounts.api import errors as management_errors
from reports.clickport import errors as clickport_errors

urlpatterns = [
    path("", include("accounts.sign_in.urls")),
    path("", include("accounts.urls")),
    path("", include("accounts.operations.urls")),
    path("", include("sites.urls")),
    path("", include("sites.uptime.urls")),
    path("", include("sites.alerts.urls")),
    path("", include("sites.alerts.billing_urls")),
    path("", include("tracking.urls")),
    path("", include("goals.urls")),
    path("", include("reports.clickport.urls")),
    path("", include("reports.sharing.urls")),  # before the addresses of Clicky, one of which it answers
    path("", include("reports.clicky.urls")),
    path("", include("reports.dashboard.urls")),
    path("", include("reports.agency.urls")),
    path("", include("reports.annotations.urls")),
    path("", include("reports.digests.urls")),
    path("", include("reports.usage.urls")),
    path("", include("reports.onsite.urls")),
    path("", include("reports.urls")),
    path("", include("links.urls")),
    re_path(r"^api/v1/(?P<rest>[\s\S]*)$", management_errors.handle_not_found),
    re_path(r"^api/(?P<rest>[\s\S]*)$", clickport_errors.handle_not_found),
]

handler403 = "config.serving.error_responses.handle_forbidden"
handler404 = "config.serving.error_responses.handle_not_found"
handler429 = "config.serving.error_responses.handle_too_many_requests"
handler400 = "config.serving.error_responses.handle_bad_request"
