"""The app of notices."""

from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "accounts.notices"
    label = "notices"
    default_auto_field = "django.db.models.BigAutoField"
