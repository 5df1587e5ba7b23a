"""Addresses of the reports room; `config.urls` includes them at the root."""

from django.urls import URLPattern, URLResolver, include, path

from reports import onsite
from reports.docs import views
from reports.openapi import SchemaView

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("reports.clickport.urls")),
    path("", include("reports.clicky.urls")),
    path("", include("reports.pages.urls")),
    path("", include("reports.share.urls")),
    path("", include("reports.notes.urls")),
    path("ajax/onsitestats/", onsite.onsite_stats, name="onsite"),
    path("ajax/onsitestats/<slug:what>", onsite.onsite_stats, name="onsite-part"),
    path("api/schema/", SchemaView.as_view(), name="schema"),
    path("docs/", views.index, name="docs"),
    path("docs/<slug:slug>", views.page, name="docs-page"),
]
