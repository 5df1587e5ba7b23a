"""Addresses of uptime's pages."""

from django.urls import path

from sites.uptime import views

urlpatterns = [
    path("sites/<int:site_id>/uptime", views.uptime, name="uptime"),
    path("sites/<int:site_id>/uptime/new", views.monitor_edit, name="uptime-new"),
    path("sites/<int:site_id>/uptime/<int:monitor_id>", views.monitor, name="uptime-monitor"),
    path("sites/<int:site_id>/uptime/<int:monitor_id>/edit", views.monitor_edit, name="uptime-edit"),
    path("sites/<int:site_id>/uptime/<int:monitor_id>/delete", views.monitor_delete, name="uptime-delete"),
    path("status/<int:site_id>", views.status, name="status"),
]
