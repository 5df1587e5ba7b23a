"""The app of single sign-on."""

from django.apps import AppConfig


class SsoConfig(AppConfig):
    name = "accounts.sso"
    label = "sso"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts.sso import audit_subjects  # noqa: F401 - it registers
