"""The URLs of this app; `config.urls` includes them at the root."""

from django.urls import URLPattern, URLResolver, path

from reports import widget
from reports.bots.api import BotsRestored, SiteBots, VisitMarkedAsBot, VisitorMarkedAsBot
from reports.docs import views
from reports.openapi import MANAGEMENT_API, QUERY_API, ClickySchemaView, SchemaView, serve_document

app_name = "reports"
urlpatterns: list[URLPattern | URLResolver] = [
    path("ajax/onsitestats/", widget.render_widget_data, name="onsite"),
    path("ajax/onsitestats/<slug:what>", widget.render_widget_data, name="onsite-part"),
    path("api/schema/", SchemaView.as_view(), name="schema"),
    path("api/openapi.json", serve_document, {"api": QUERY_API}, name="openapi-query"),
    path("api/v1/openapi.json", serve_document, {"api": MANAGEMENT_API}, name="openapi-management"),
    path("api/stats/openapi.json", ClickySchemaView.as_view(), name="stats-schema"),
    path("api/v1/sites/<int:site_id>/bots", SiteBots.as_view()),
    path("api/v1/sites/<int:site_id>/bots/restore", BotsRestored.as_view()),
    path("api/v1/sites/<int:site_id>/visitors/<int:device>/bot", VisitorMarkedAsBot.as_view()),
    path("api/v1/sites/<int:site_id>/visits/<int:visit>/bot", VisitMarkedAsBot.as_view()),
    path("docs/", views.index, name="docs"),
    path("docs/<slug:slug>", views.page, name="docs-page"),
]
