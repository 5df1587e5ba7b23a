"""`manage.py serve`: run the entire product in one process, until SIGTERM; with `--workers N` hits are collected by N
more (`config.serving.workers`)."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from argparse import SUPPRESS
from collections.abc import Callable
from contextlib import closing

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.management.installation_command import has_missing_migrations, require_secret_key
from accounts.migration_lock import hold_migration_lock
from accounts.security.encrypted_fields import find_unreadable_columns
from config.file_permissions import remove_others_access
from config.serving.listening_socket import SocketUnusable, open_socket, take_inherited_socket
from config.serving.server import AlreadyServing, Server, build_server_config, hold_serving_lock, raise_file_limit
from config.serving.worker_sockets import find_state_socket

LOCAL_HOSTS = {"127.0.0.1", "0.0.0.0"}  # noqa: S104 - this machine alone, and every interface


class Command(BaseCommand):
    help = "Serve everything in this process: pages, beacons, the spool's writer, periodic work."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default=settings.HOST)
        parser.add_argument("--port", type=int, default=settings.PORT)
        parser.add_argument("--no-demo", action="store_true", help="no demo account on the first start")
        parser.add_argument("--no-migrate", action="store_true", help="refuse to start if migrations are missing")
        parser.add_argument(
            "--hold-socket", action="store_true", help="hold the socket in a parent process, which SIGHUP restarts"
        )
        parser.add_argument(
            "--workers", type=int, default=1, help="processes that collect hits (default: 1, which does everything)"
        )
        parser.add_argument("--part", choices=("store", "worker"), default="", help=SUPPRESS)
        parser.add_argument("--trickle", type=float, default=0.0, help="demo visits a minute, for show (default: none)")

    def handle(
        self,
        *,
        host: str,
        port: int,
        no_demo: bool,
        trickle: float,
        no_migrate: bool = False,
        hold_socket: bool = False,
        workers: int = 1,
        part: str = "",
        **_: object,
    ) -> None:
        if not part and (hold_socket or workers > 1):
            become_socket_holder(build_holder_arguments(host, port, workers))
        raise_file_limit()
        url = settings.BASE_URL
        if not os.environ.get("BASE_URL"):
            url = build_local_url(host, port)
            settings.BASE_URL = f"http://{host}:{port}"
            settings.CSRF_TRUSTED_ORIGINS = [settings.BASE_URL]
        try:
            inherited = take_inherited_socket()
            if part == "worker" and inherited is not None:
                return serve_worker(inherited, host, port)
            with (
                hold_serving_lock(settings.DATA_DIR),
                closing(inherited or open_socket(host, port)) as sock,
            ):
                with hold_migration_lock():  # also over the demo, which only the first process creates
                    self.prepare(url, demo=not no_demo, migrates=not no_migrate)
                self.serve(sock, host, port, trickle, is_store=part == "store")
        except (AlreadyServing, SocketUnusable) as error:
            raise CommandError(str(error)) from error

    def prepare(self, url: str, *, demo: bool, migrates: bool) -> None:
        """Migrate both databases, create the demo in an empty installation, print the set-up link at `url`."""
        from accounts.services.invitations import SETUP_HOURS, create_setup_link
        from sites.models import Site
        from tracking import store

        remove_others_access(settings.DATA_DIR)
        settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
        if migrates:
            call_command("migrate", verbosity=0, interactive=False)
        elif has_missing_migrations():
            raise CommandError(build_not_migrated_message("database", "migrate"))
        require_secret_key()
        try:
            if migrates:
                store.migrate()
            elif not store.is_migrated():
                raise CommandError(build_not_migrated_message("event store", "events migrate"))
        except store.StoreAway as error:  # the spool waits for it, and creates the tables when it is available
            self.stderr.write(f"{error} Events wait in the spool.")
            demo = False
        except store.StoreError as error:
            raise CommandError(str(error)) from error
        self.warn_of_unreadable_secrets()
        if demo and not Site.objects.exists():
            call_command("demo", stdout=self.stdout, stderr=self.stderr)
        if link := create_setup_link(url):
            self.stdout.write(f"\nSet your password (this link works once, for {SETUP_HOURS} hours): {link}\n")

    def warn_of_unreadable_secrets(self) -> None:
        """Warn if stored secrets were encrypted with another SECRET_KEY."""
        if columns := find_unreadable_columns():
            self.stderr.write(
                f"SECRET_KEY does not decrypt what is stored in {', '.join(columns)}. "
                "Name the key that it was encrypted with in SECRET_KEY_FALLBACKS."
            )

    def serve(self, sock: socket.socket, host: str, port: int, trickle: float, *, is_store: bool = False) -> None:
        """Serve until a signal: requests on the event loop; Celery's worker and beat in threads.

        With workers (`is_store`) it serves the requests that they forward.
        """
        from config.celery import BackgroundThreads

        background = BackgroundThreads(trickle=trickle)
        server = build_store_server(host, port) if is_store else build_server(host, port)
        background.start()
        self.stdout.write(f"Serving on {build_local_url(host, port)}")
        self.stdout.flush()
        try:
            with asyncio.Runner(loop_factory=get_loop_factory()) as runner:
                runner.run(server.serve(sockets=[] if is_store else [sock]))
        finally:
            background.stop()
        if not server.started:
            raise CommandError("The server could not start; the reason is in the lines above.")


def build_holder_arguments(host: str, port: int, workers: int) -> list[str]:
    """Build the function of the process that holds the socket, and its arguments: this command, without --hold-socket,
    is that process's child; with several workers, there are several children. Raises CommandError.
    """
    command = [sys.executable, *(word for word in sys.argv if word != "--hold-socket")]
    if workers <= 1:
        return ["main", host, str(port), *command]
    if settings.REDIS_URL:
        raise CommandError("--workers share their state without Redis. With REDIS_URL, start serve several times.")
    try:
        return ["main_with_workers", host, str(port), str(workers), str(find_state_socket()), *command]
    except SocketUnusable as error:
        raise CommandError(str(error)) from error


def become_socket_holder(arguments: list[str]) -> None:
    """Replace this process by one that holds the socket and runs this command in child processes."""
    program = f"import sys; sys.path.insert(0, {str(settings.BASE_DIR)!r}); from config.serving import socket_holder"
    program += "; sys.exit(getattr(socket_holder, sys.argv[1])(*sys.argv[2:]))"  # `-m` needs another working directory
    os.execv(sys.executable, [sys.executable, "-c", program, *arguments])  # noqa: S606


def build_not_migrated_message(what: str, command: str) -> str:
    """Explain that --no-migrate cannot start before somebody migrates."""
    return (
        f"The {what} lacks migrations of this version, and --no-migrate was given. Run manage.py {command}, or start "
        "one process without --no-migrate."
    )


def build_local_url(host: str, port: int) -> str:
    """Build the address to open in a browser on this machine."""
    return f"http://{'localhost' if host in LOCAL_HOSTS else host}:{port}"


def get_loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Return the factory of uvloop's event loops."""
    import uvloop

    return uvloop.new_event_loop


def build_server(host: str, port: int) -> Server:
    """Build the server of a process that does everything."""
    from config.asgi import application, immediate_responder
    from tracking import live

    return Server(build_server_config(application, host, port, immediate_responder), before_end=live.close)


def build_store_server(host: str, port: int) -> Server:
    """Build the server of the store's process, which gets its requests from workers."""
    from config.serving.workers import StoreServer

    return StoreServer(host, port)


def serve_worker(sock: socket.socket, host: str, port: int) -> None:
    """Serve as a worker until a signal. Raises CommandError if it cannot start."""
    from config.serving.workers import build_worker_server, prepare_worker

    prepare_worker()
    server = build_worker_server(host, port)
    with asyncio.Runner(loop_factory=get_loop_factory()) as runner:
        runner.run(server.serve(sockets=[sock]))
    if not server.started:
        raise CommandError("A worker could not start; the reason is in the lines above.")
