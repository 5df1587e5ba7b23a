"""Addresses of the goals room; `config.urls` includes them at the root."""

from django.urls import URLPattern, URLResolver

app_name = "goals"
urlpatterns: list[URLPattern | URLResolver] = []
