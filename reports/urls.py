"""Addresses of the reports room; `config.urls` includes them at the root."""

from django.urls import URLPattern, URLResolver

urlpatterns: list[URLPattern | URLResolver] = []
