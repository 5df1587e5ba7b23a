"""`manage.py events migrate|retention|finish|flush|status`: works with and without a running server."""

from __future__ import annotations

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tracking import maintenance, remote_commands


class Command(BaseCommand):
    help = "Work on the event store; through the running server where there is one."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("job", choices=sorted(maintenance.JOBS))

    def handle(self, *, job: str, **_: object) -> None:
        try:
            self.stdout.write(str(remote_commands.call(job)))
        except remote_commands.RemoteError as error:
            raise CommandError(str(error)) from error
