"""URLs of uptime."""

from django.urls import path

from accounts.api.resources import build_routes
from sites.uptime import status_page, views
from sites.uptime.api import IncidentViews, MonitorViews

app_name = "uptime"
urlpatterns = [
    path("sites/<int:site_id>/uptime", views.list_monitors, name="list"),
    path("sites/<int:site_id>/uptime/new", views.edit_monitor, name="new"),
    path("sites/<int:site_id>/uptime/<int:monitor_id>", views.show_monitor, name="monitor"),
    path("sites/<int:site_id>/uptime/<int:monitor_id>/edit", views.edit_monitor, name="edit"),
    path("sites/<int:site_id>/uptime/<int:monitor_id>/delete", views.delete_monitor, name="delete"),
    path("status/<int:site_id>", status_page.show_status_page, name="status"),
    *build_routes({"sites/<int:site_id>/monitors": MonitorViews, "sites/<int:site_id>/incidents": IncidentViews}),
]
