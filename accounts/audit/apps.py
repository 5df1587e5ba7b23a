"""The app of the audit log."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "accounts.audit"
    label = "audit"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts.audit import account_subjects, sign_in_events  # noqa: F401 - they register and connect
