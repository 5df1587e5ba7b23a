"""URLs of an agency's pages and operations; `config.urls` includes them at the root."""

from django.urls import URLPattern, URLResolver, path

from accounts.api.resources import build_routes
from reports.agency import api, template_api, template_views, views

app_name = "agency"
urlpatterns: list[URLPattern | URLResolver] = [
    path("clients", views.show_clients, name="clients"),
    path("clients/new", views.create_client, name="client-new"),
    path("clients/sites", views.add_sites, name="sites-new"),
    path("clients/templates", template_views.list_templates, name="templates"),
    path("clients/templates/<int:template_id>", template_views.apply_template, name="template"),
    path("clients/templates/<int:template_id>/delete", template_views.delete_template, name="template-delete"),
    path("clients/access", views.show_access, name="access"),
    path("clients/<int:client_id>", views.edit_client, name="client"),
    path("clients/<int:client_id>/open", views.open_client, name="client-open"),
    path("clients/view/end", views.end_view, name="client-view-end"),
    path("clients/<int:client_id>/view", views.view_as_client, name="client-view"),
    path("clients/<int:client_id>/release", views.release_client, name="client-release"),
    path("sites/<int:site_id>/settings/move", views.move_site, name="site-move"),
    *build_routes({"clients": api.ClientViews, "site-templates": template_api.SiteTemplateViews}),
    path("api/v1/clients/<int:client_id>/sites", api.ClientSites.as_view()),
    path("api/v1/client-sites", api.ClientSiteTable.as_view()),
    path("api/v1/sites/<int:site_id>/move", api.SiteMove.as_view()),
]
