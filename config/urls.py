"""All addresses. Each room lists its own; the hot doors never come here (see `config.asgi`)."""

from django.urls import include, path, re_path

from reports.clickport.errors import not_found

urlpatterns = [
    path("", include("accounts.urls")),
    path("", include("sites.urls")),
    path("", include("sites.uptime.urls")),
    path("", include("sites.alerts.urls")),
    path("", include("tracking.urls")),
    path("", include("goals.urls")),
    path("", include("reports.urls")),
    path("", include("reports.digest.urls")),
    path("", include("links.urls")),
    re_path(r"^api/(?P<rest>.*)$", not_found),
]

handler403 = "config.refusals.forbidden"
handler404 = "config.refusals.not_found"
handler400 = "config.refusals.bad_request"
