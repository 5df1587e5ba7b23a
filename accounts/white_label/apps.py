"""The app of white labels."""

from django.apps import AppConfig


class WhiteLabelConfig(AppConfig):
    name = "accounts.white_label"
    label = "white_label"
    default_auto_field = "django.db.models.BigAutoField"
