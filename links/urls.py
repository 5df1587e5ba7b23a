"""Addresses of the links room; `config.urls` includes them at the root."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("clickmeter/", include("links.api.urls")),
]
