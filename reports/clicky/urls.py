"""Addresses of the Clicky dialect, older ones included."""

from django.urls import re_path

from reports.clicky import views

urlpatterns = [
    re_path(r"^api/stats/(?P<version>[1-4])/?$", views.stats),
    re_path(r"^stats/api(?P<version>[1-4])/?$", views.stats),
]
