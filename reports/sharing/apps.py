"""Configuration of the app."""

from django.apps import AppConfig


class SharingConfig(AppConfig):
    name = "reports.sharing"
    default_auto_field = "django.db.models.BigAutoField"
