"""The URLs of this app; `config.urls` includes them at the root."""

from django.urls import URLPattern, URLResolver, include, path

from reports import widget
from reports.docs import views
from reports.openapi import SchemaView

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("reports.clickport.urls")),
    path("", include("reports.sharing.urls")),  # before the addresses of Clicky, one of which it answers
    path("", include("reports.clicky.urls")),
    path("", include("reports.dashboard.urls")),
    path("", include("reports.dashboard.goals.urls")),
    path("", include("reports.annotations.urls")),
    path("", include("reports.digests.urls")),
    path("ajax/onsitestats/", widget.render_widget_data, name="onsite"),
    path("ajax/onsitestats/<slug:what>", widget.render_widget_data, name="onsite-part"),
    path("api/schema/", SchemaView.as_view(), name="schema"),
    path("docs/", views.index, name="docs"),
    path("docs/<slug:slug>", views.page, name="docs-page"),
]
