"""The URLs of this app; `config.urls` includes them at the root."""

from django.urls import URLPattern, URLResolver, path

from reports import widget
from reports.docs import views
from reports.openapi import ClickySchemaView, SchemaView

app_name = "reports"
urlpatterns: list[URLPattern | URLResolver] = [
    path("ajax/onsitestats/", widget.render_widget_data, name="onsite"),
    path("ajax/onsitestats/<slug:what>", widget.render_widget_data, name="onsite-part"),
    path("api/schema/", SchemaView.as_view(), name="schema"),
    path("api/stats/openapi.json", ClickySchemaView.as_view(), name="stats-schema"),
    path("docs/", views.index, name="docs"),
    path("docs/<slug:slug>", views.page, name="docs-page"),
]
