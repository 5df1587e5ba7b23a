"""Addresses of the reports room; `config.urls` includes them at the root."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("reports.clickport.urls")),
    path("", include("reports.clicky.urls")),
    path("", include("reports.pages.urls")),
]
