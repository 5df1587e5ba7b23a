"""The app of exports."""

from django.apps import AppConfig


class ExportsConfig(AppConfig):
    name = "accounts.exports"
    label = "exports"
    default_auto_field = "django.db.models.BigAutoField"
