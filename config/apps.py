"""The config app: it imports `config.wiring`, which connects the other apps, and registers the system checks."""

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "config"
    verbose_name = "Footfall"

    def ready(self) -> None:
        from config import system_checks, wiring  # noqa: F401
