"""Mistakes in the configuration, as Django system checks with an id and a hint.

Errors (E) stop every command; warnings (W) are printed. Those that only matter to the public internet come with
`manage.py check --deploy`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from accounts.custom_domains.txt_records import parse_dns_server
from accounts.security.secret_key import is_key_from_file
from tracking.store.errors import StoreError
from tracking.store.target import parse

NETWORK_HINT = "Use addresses or networks such as 10.0.0.0/8, separated by commas."


def problem(number: str, sentence: str, hint: str) -> CheckMessage:
    """An Error or a Warning, by the first letter of its number."""
    return (Error if number.startswith("E") else Warning)(sentence, hint=hint, id=f"footfall.{number}")


def check(function: Callable[[], Iterator[CheckMessage]], **options: Any) -> Callable[[], Iterator[CheckMessage]]:
    """Register a function that yields problems."""

    def run(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
        return list(function())

    register(run, "footfall", **options)
    return function


def deploy_check(function: Callable[[], Iterator[CheckMessage]]) -> Callable[[], Iterator[CheckMessage]]:
    """Register one that runs with `--deploy` only."""
    return check(function, deploy=True)


@check
def read_at_start() -> Iterator[CheckMessage]:
    """What could not be read at all; a harmless value stands in for it meanwhile."""
    for name, sentence in settings.MISTAKES:
        yield problem("E001", f"{name}: {sentence}", f"Correct {name} in the environment.")


@check
def networks() -> Iterator[CheckMessage]:
    """Lists of networks must be networks; believing everybody is allowed but told."""
    named = {"TRUSTED_PROXIES": settings.ENV.trusted_proxies, "ALLOWED_OUTBOUND": settings.ENV.allowed_outbound}
    for number, (name, texts) in zip(("E002", "E003"), named.items(), strict=True):
        for text in texts:
            if not is_network(text):
                yield problem(number, f"{name}: {text!r} is no address and no network.", NETWORK_HINT)
    if any(is_network(text) and ip_network(text, strict=False).prefixlen == 0 for text in named["TRUSTED_PROXIES"]):
        yield problem(
            "W001",
            "TRUSTED_PROXIES names the whole internet, so every visitor may state any address.",
            "Name the addresses of your proxies only.",
        )


def is_network(text: str) -> bool:
    """Whether the text is an address or a CIDR network."""
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


@check
def dns_servers() -> Iterator[CheckMessage]:
    """DNS_SERVERS must be IP addresses: a name would have to be looked up first."""
    for text in settings.ENV.dns_servers:
        try:
            parse_dns_server(text)
        except ValueError:
            yield problem(
                "E011",
                f"DNS_SERVERS: {text!r} is no address of a DNS server.",
                "Use 192.0.2.1, 192.0.2.1:5353 or [2001:db8::1]:5353, separated by commas; empty = the system's own.",
            )


@check
def base_url() -> Iterator[CheckMessage]:
    """Mails and snippets carry it, so it must be a plain address."""
    try:
        parts = urlsplit(settings.BASE_URL)
        good = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        bare = not (parts.path or parts.query or parts.fragment or parts.username)
    except ValueError:
        good = bare = False
    if not (good and bare):
        yield problem(
            "E004",
            f"BASE_URL: {settings.BASE_URL!r} is not the address of a host.",
            "Use https://stats.example.org, without a path.",
        )


@check
def events_url() -> Iterator[CheckMessage]:
    """Where events live."""
    try:
        parse(settings.EVENTS_URL)
    except (StoreError, ValueError) as error:
        yield problem("E005", str(error), "Leave EVENTS_URL empty for the engine in DATA_DIR.")


@check
def schemes() -> Iterator[CheckMessage]:
    """Addresses of other services begin with what we can speak."""
    for number, name, url, known in (
        ("E006", "REDIS_URL", settings.ENV.redis_url, ("redis", "rediss", "unix")),
        ("E007", "EMAIL_URL", settings.ENV.email_url, ("smtp", "smtps")),
    ):
        scheme = url.partition(":")[0]
        if url and scheme not in known:
            forms = " or ".join(f"{word}://" for word in known)
            yield problem(number, f"{name} starts with {scheme!r}.", f"Use {forms}, or leave it empty.")


@check
def geography() -> Iterator[CheckMessage]:
    """Named databases must be there; without a name geography is simply off."""
    for name, text in (("GEOIP_CITY", settings.ENV.geoip_city), ("GEOIP_ASN", settings.ENV.geoip_asn)):
        if text and not Path(text).exists():
            yield problem("W002", f"{name}: there is no file {text}.", "`make geo` fetches free databases.")


@deploy_check
def hosts() -> Iterator[CheckMessage]:
    """A public installation that answers to every name."""
    if "*" in settings.ALLOWED_HOSTS and not settings.DEBUG:
        yield problem(
            "W003",
            "ALLOWED_HOSTS is *, so the dashboard answers to every host name.",
            "Name the hosts people use; keep * where tenants bring link domains or white-label hosts of their own.",
        )


@deploy_check
def events_of_one_process() -> Iterator[CheckMessage]:
    """With Redis the periodic work runs in workers of their own, which cannot open what the server has open."""
    if settings.ENV.redis_url and not settings.EVENTS_URL.startswith("clickhouse"):
        yield problem(
            "W005",
            "REDIS_URL is set but EVENTS_URL is not: Celery's workers cannot open events that belong to the server.",
            "Set EVENTS_URL to a ClickHouse server, or leave REDIS_URL empty and run one process.",
        )


@deploy_check
def one_machine() -> Iterator[CheckMessage]:
    """A ClickHouse server is for several processes, and those need Redis to know the same visits."""
    if settings.EVENTS_URL.startswith("clickhouse") and not settings.ENV.redis_url:
        yield problem(
            "W004",
            "EVENTS_URL is a server but REDIS_URL is empty: several processes would cut visits in pieces.",
            "Set REDIS_URL, or run one process only.",
        )


@deploy_check
def key_of_several_processes() -> Iterator[CheckMessage]:
    """A database that several processes use, with a key that only this one has."""
    if settings.ENV.database_url and is_key_from_file():
        yield problem(
            "W006",
            f"DATABASE_URL is set but SECRET_KEY is not: this process has its own key, in {settings.DATA_DIR}.",
            "Set the same SECRET_KEY for every process; one with another key does not start.",
        )
