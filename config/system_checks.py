"""Django system checks of the configuration.

Errors (E) stop every command; warnings (W) are printed. Checks that matter only to a public installation run with
`manage.py check --deploy`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from accounts.custom_domains.txt_records import parse_dns_server
from accounts.security.secret_key import is_key_from_file
from tracking.store.errors import StoreError
from tracking.store.target import parse_events_url

NETWORK_HINT = "Use addresses or networks such as 10.0.0.0/8, separated by commas."


def build_message(number: str, sentence: str, hint: str) -> CheckMessage:
    """Build an Error or a Warning, by the first letter of its number."""
    return (Error if number.startswith("E") else Warning)(sentence, hint=hint, id=f"footfall.{number}")


Check = Callable[[], Iterator[CheckMessage]]


def register_check(function: Check, **options: object) -> Check:
    """Register a function that yields messages."""

    def run(app_configs: object, **kwargs: object) -> list[CheckMessage]:
        return list(function())

    register(run, "footfall", **options)
    return function


def register_deploy_check(function: Check) -> Check:
    """Register a function that runs with `--deploy` only."""
    return register_check(function, deploy=True)


@register_check
def check_environment() -> Iterator[CheckMessage]:
    """Check that all settings could be read; a harmless default replaces those that could not."""
    for name, sentence in settings.MISTAKES:
        yield build_message("E001", f"{name}: {sentence}", f"Correct {name} in the environment.")


@register_check
def check_networks() -> Iterator[CheckMessage]:
    """Check lists of networks; warn if every address is trusted."""
    named = {"TRUSTED_PROXIES": settings.ENV.trusted_proxies, "ALLOWED_OUTBOUND": settings.ENV.allowed_outbound}
    for number, (name, texts) in zip(("E002", "E003"), named.items(), strict=True):
        for text in texts:
            if not is_network(text):
                yield build_message(number, f"{name}: {text!r} is neither an address nor a network.", NETWORK_HINT)
    if any(is_network(text) and ip_network(text, strict=False).prefixlen == 0 for text in named["TRUSTED_PROXIES"]):
        yield build_message(
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


@register_check
def check_dns_servers() -> Iterator[CheckMessage]:
    """Check that DNS_SERVERS are IP addresses: a name would have to be looked up first."""
    for text in settings.ENV.dns_servers:
        try:
            parse_dns_server(text)
        except ValueError:
            yield build_message(
                "E011",
                f"DNS_SERVERS: {text!r} is not an address of a DNS server.",
                "Use 192.0.2.1, 192.0.2.1:5353 or [2001:db8::1]:5353, separated by commas; empty = the system's own.",
            )


@register_check
def check_base_url() -> Iterator[CheckMessage]:
    """Check that BASE_URL, which mails and snippets contain, is a scheme and a host."""
    try:
        parts = urlsplit(settings.BASE_URL)
        good = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        bare = not (parts.path or parts.query or parts.fragment or parts.username)
    except ValueError:
        good = bare = False
    if not (good and bare):
        yield build_message(
            "E004",
            f"BASE_URL: {settings.BASE_URL!r} is not the address of a host.",
            "Use https://stats.example.org, without a path.",
        )


@register_check
def check_events_url() -> Iterator[CheckMessage]:
    """Check that EVENTS_URL names an event store."""
    try:
        parse_events_url(settings.EVENTS_URL)
    except (StoreError, ValueError) as error:
        yield build_message("E005", str(error), "Leave EVENTS_URL empty for the engine in DATA_DIR.")


@register_check
def check_url_schemes() -> Iterator[CheckMessage]:
    """Check that addresses of other services begin with a supported scheme."""
    for number, name, url, schemes in (
        ("E006", "REDIS_URL", settings.ENV.redis_url, ("redis", "rediss", "unix")),
        ("E007", "EMAIL_URL", settings.ENV.email_url, ("smtp", "smtps")),
    ):
        scheme = url.partition(":")[0]
        if url and scheme not in schemes:
            forms = " or ".join(f"{word}://" for word in schemes)
            yield build_message(number, f"{name} starts with {scheme!r}.", f"Use {forms}, or leave it empty.")


@register_check
def check_geography() -> Iterator[CheckMessage]:
    """Check that named databases of geography exist; without a name geography is off."""
    for name, text in (("GEOIP_CITY", settings.ENV.geoip_city), ("GEOIP_ASN", settings.ENV.geoip_asn)):
        if text and not Path(text).exists():
            yield build_message("W002", f"{name}: there is no file {text}.", "`make geo` fetches free databases.")


@register_deploy_check
def check_allowed_hosts() -> Iterator[CheckMessage]:
    """Warn if a public installation responds to every host name."""
    if "*" in settings.ALLOWED_HOSTS and not settings.DEBUG:
        yield build_message(
            "W003",
            "ALLOWED_HOSTS is *, so the dashboard answers to every host name.",
            "Name the hosts people use; keep * where tenants bring link domains or white-label hosts of their own.",
        )


@register_deploy_check
def check_events_are_shared() -> Iterator[CheckMessage]:
    """Warn if Celery's workers cannot open the event store. With Redis they are processes of their own."""
    if settings.ENV.redis_url and not settings.EVENTS_URL.startswith("clickhouse"):
        yield build_message(
            "W005",
            "REDIS_URL is set but EVENTS_URL is not: Celery's workers cannot open events that belong to the server.",
            "Set EVENTS_URL to a ClickHouse server, or leave REDIS_URL empty and run one process.",
        )


@register_deploy_check
def check_visits_are_shared() -> Iterator[CheckMessage]:
    """Warn if several processes would not share open visits: that needs Redis."""
    if settings.EVENTS_URL.startswith("clickhouse") and not settings.ENV.redis_url:
        yield build_message(
            "W004",
            "EVENTS_URL is a server but REDIS_URL is empty: several processes would split visits.",
            "Set REDIS_URL, or run one process only.",
        )


@register_deploy_check
def check_key_is_shared() -> Iterator[CheckMessage]:
    """Warn if several processes use the database, but only this one has the key."""
    if settings.ENV.database_url and is_key_from_file():
        yield build_message(
            "W006",
            f"DATABASE_URL is set but SECRET_KEY is not: this process has its own key, in {settings.DATA_DIR}.",
            "Set the same SECRET_KEY for every process; one with another key does not start.",
        )
