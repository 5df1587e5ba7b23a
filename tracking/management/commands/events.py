"""`manage.py events JOB`: through the running server where there is one, except for jobs that need it to be stopped."""

from __future__ import annotations

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tracking import maintenance, remote_commands
from tracking.store import StoreError


class Command(BaseCommand):
    help = "Work on the event store; through the running server where there is one."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("job", choices=sorted({**maintenance.JOBS, **maintenance.OFFLINE_JOBS}))

    def handle(self, *, job: str, **_: object) -> None:
        if job in maintenance.OFFLINE_JOBS:
            self.run_offline(job)
            return
        try:
            self.stdout.write(str(remote_commands.call(job)))
        except remote_commands.RemoteError as error:
            raise CommandError(str(error)) from error

    def run_offline(self, job: str) -> None:
        """Run a job that nothing may disturb."""
        if remote_commands.is_server_running():
            raise CommandError("Stop the server first, here and on every other machine, so that nothing changes.")
        try:
            self.stdout.write(maintenance.OFFLINE_JOBS[job]())
        except StoreError as error:
            raise CommandError(str(error)) from error
