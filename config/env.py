"""Configuration: read once from the environment and typed. The only side effect is the creation of DATA_DIR.

Every name here is part of the public contract (README, "Configuration"). Mistakes in combinations of settings, such as
workers without Redis, are found by the system checks in `config/system_checks.py`.
"""

import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

BASE_DIR = Path(__file__).resolve().parent.parent
T = TypeVar("T")
# ClickHouse's settings that an operator may set for every query (QUERY_LIMITS)
ACCOUNT_LIMIT_NAMES = (  # of accounts/account_limits.py, whose defaults ACCOUNT_LIMITS changes
    "queries", "query_seconds_per_minute", "query_megabytes", "streams", "streams_per_user",
)  # fmt: skip
QUERY_LIMIT_NAMES = ("max_execution_time", "max_memory_usage", "max_rows_to_read", "max_threads")
SIGN_UP_WORDS = ("open", "invitation", "closed")
TRUE_WORDS = {"1", "true", "yes", "on"}


def split_words(text: str) -> tuple[str, ...]:
    """Split comma-separated words and strip them; empty ones are left out."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


@dataclass(frozen=True, kw_only=True)
class Env:
    """All settings an operator can make. Paths are absolute; an empty string means "not set".

    Values that are or may contain secrets are left out of `repr`, which debug pages and logs show.
    """

    host: str
    port: int
    data_dir: Path
    debug: bool
    secret_key: str = field(repr=False)
    allowed_hosts: tuple[str, ...]
    base_url: str
    database_url: str = field(repr=False)
    events_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    geoip_city: str
    geoip_asn: str
    email_url: str = field(repr=False)
    trusted_proxies: tuple[str, ...]
    clickmeter_hosts: tuple[str, ...]
    link_domain: str
    allowed_outbound: tuple[str, ...]
    dns_servers: tuple[str, ...]
    mistakes: tuple[tuple[str, str], ...] = ()
    secret_key_fallbacks: tuple[str, ...] = field(default=(), repr=False)
    query_limits: dict[str, int] = field(default_factory=dict)
    account_limits: dict[str, int] = field(default_factory=dict)
    sign_up: str = "invitation"
    session_idle_days: int = 14
    invitation_days: int = 7
    social_logins: dict[str, tuple[str, str]] = field(default_factory=dict, repr=False)
    custom_host_target: str = ""
    mail_spf: str = ""
    mail_dkim: tuple[str, str] | None = None


def parse_query_limits(text: str) -> dict[str, int]:
    """Parse `max_execution_time=60,max_threads=4`. Raises ValueError for an unknown limit or what is not a number."""
    return parse_limits(text, QUERY_LIMIT_NAMES, "limit of a query", lowest=1)


def parse_account_limits(text: str) -> dict[str, int]:
    """Parse `queries=4,streams=50`. Raises ValueError for an unknown limit or what is not a number."""
    return parse_limits(text, ACCOUNT_LIMIT_NAMES, "limit of an account", lowest=0)


def parse_limits(text: str, names: Sequence[str], what: str, *, lowest: int) -> dict[str, int]:
    """Parse `name=number,…`. Raises ValueError for an unknown name and for what is no number from `lowest` on."""
    limits = {}
    for word in split_words(text):
        name, _, value = (part.strip() for part in word.partition("="))
        if name not in names:
            raise ValueError(f"{name!r} is not a {what}; use {', '.join(names)}.")
        if not (value.isascii() and value.isdigit() and int(value) >= lowest):
            raise ValueError(
                f"{name} is a whole number {'above 0' if lowest else 'from 0 on'}, such as {name}=60, not {value!r}."
            )
        limits[name] = int(value)
    return limits


def parse_days(text: str, *, default: int, most: int) -> int:
    """Parse a number of days, from 1 on; `default` for an empty text. Raises ValueError."""
    days = int(text.strip() or default)
    if not 1 <= days <= most:
        raise ValueError(f"{days} is not from 1 to {most}.")
    return days


def parse_session_days(text: str) -> int:
    """Parse after how many days without use a session ends, 1 to 365; 14 for an empty text. Raises ValueError."""
    return parse_days(text, default=14, most=365)


def parse_invitation_days(text: str) -> int:
    """Parse for how many days the link of an invitation works, 1 to 90; 7 for an empty text. Raises ValueError."""
    return parse_days(text, default=7, most=90)


def parse_sign_up(text: str) -> str:
    """Parse who may become a user: "open" (everybody), "invitation" (the default) or "closed". Raises ValueError."""
    word = text.strip().lower() or "invitation"
    if word not in SIGN_UP_WORDS:
        raise ValueError(f"{text!r} is none of {', '.join(SIGN_UP_WORDS)}.")
    return word


def parse_dkim(text: str) -> tuple[str, str] | None:
    """Parse `selector=name`, the label of a DKIM key and the name that has its record; None for an empty text.

    Raises ValueError.
    """
    selector, _, name = (part.strip().rstrip(".").lower() for part in text.partition("="))
    if not selector and not name:
        return None
    if not selector or "." not in name:
        raise ValueError("Write the selector and the name that its CNAME leads to, as s1=dkim.example.com.")
    return selector, name


def read_social_logins(env: dict[str, str], mistakes: list[tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """Read the client id and secret at each provider that the log-in page offers."""
    clients = {
        "google": read_setting(env, "GOOGLE_LOGIN", parse_client, None, mistakes),
        "microsoft": read_setting(env, "MICROSOFT_LOGIN", parse_client, None, mistakes),
        "github": read_setting(env, "GITHUB_LOGIN", parse_client, None, mistakes),
    }
    return {name: client for name, client in clients.items() if client is not None}


def parse_client(text: str) -> tuple[str, str] | None:
    """Parse a client's `id:secret`; None for an empty text. Raises ValueError."""
    if not text.strip():
        return None
    client_id, _, secret = text.strip().partition(":")
    if not client_id or not secret:
        raise ValueError("Write the client id and its secret as id:secret.")
    return client_id, secret


def read_or_create_secret(path: Path) -> str:
    """Read the secret at `path`; on first use it is generated, readable by the owner only."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48))
    return path.read_text().strip()


def read_or_default(name: str, read: Callable[[], T], default: T, mistakes: list[tuple[str, str]]) -> T:
    """Return the value of `read`; if it raises ValueError, `default`, and the mistake is kept for the system checks."""
    try:
        return read()
    except ValueError as error:
        mistakes.append((name, str(error)))
        return default


def read_setting(
    env: dict[str, str], name: str, parse: Callable[[str], T], default: T, mistakes: list[tuple[str, str]]
) -> T:
    """Parse a setting's text, "" if it is not set; see `read_or_default`."""
    return read_or_default(name, lambda: parse(env.get(name, "")), default, mistakes)


def read_env(environ: dict[str, str] | None = None) -> Env:
    """Read the configuration from `environ` (default: the process's own); its `mistakes` are what cannot be read."""
    env = dict(os.environ) if environ is None else environ
    data_dir = Path(env.get("DATA_DIR") or BASE_DIR / "var").expanduser().absolute()
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    host = env.get("HOST") or "127.0.0.1"
    mistakes: list[tuple[str, str]] = []
    port = read_or_default("PORT", lambda: int(env.get("PORT") or 8000), 8000, mistakes)
    return Env(
        host=host,
        port=port,
        data_dir=data_dir,
        debug=env.get("DEBUG", "").lower() in TRUE_WORDS,
        secret_key=env.get("SECRET_KEY") or read_or_create_secret(data_dir / "secret.key"),
        allowed_hosts=split_words(env.get("ALLOWED_HOSTS", "*")),
        base_url=(env.get("BASE_URL") or f"http://{host}:{port}").rstrip("/"),
        database_url=env.get("DATABASE_URL", ""),
        events_url=env.get("EVENTS_URL") or f"chdb://{data_dir / 'events'}",
        redis_url=env.get("REDIS_URL", ""),
        geoip_city=env.get("GEOIP_CITY", ""),
        geoip_asn=env.get("GEOIP_ASN", ""),
        email_url=env.get("EMAIL_URL", ""),
        trusted_proxies=split_words(env.get("TRUSTED_PROXIES", "")),
        clickmeter_hosts=split_words(env.get("CLICKMETER_HOSTS", "")),
        link_domain=env.get("LINK_DOMAIN", ""),
        allowed_outbound=split_words(env.get("ALLOWED_OUTBOUND", "")),
        dns_servers=split_words(env.get("DNS_SERVERS", "")),
        secret_key_fallbacks=split_words(env.get("SECRET_KEY_FALLBACKS", "")),
        query_limits=read_setting(env, "QUERY_LIMITS", parse_query_limits, dict[str, int](), mistakes),
        account_limits=read_setting(env, "ACCOUNT_LIMITS", parse_account_limits, dict[str, int](), mistakes),
        sign_up=read_setting(env, "SIGN_UP", parse_sign_up, "invitation", mistakes),
        session_idle_days=read_setting(env, "SESSION_IDLE_DAYS", parse_session_days, 14, mistakes),
        invitation_days=read_setting(env, "INVITATION_DAYS", parse_invitation_days, 7, mistakes),
        social_logins=read_social_logins(env, mistakes),
        custom_host_target=env.get("CUSTOM_HOST_TARGET", ""),
        mail_spf=env.get("MAIL_SPF", "").strip(),
        mail_dkim=read_setting(env, "MAIL_DKIM", parse_dkim, None, mistakes),
        mistakes=tuple(mistakes),
    )


def build_database_settings(url: str, data_dir: Path) -> dict[str, object]:
    """Build one of Django's DATABASES from DATABASE_URL: SQLite in DATA_DIR if it is empty, else PostgreSQL with
    psycopg's pool. Raises ValueError for a scheme other than postgres.
    """
    if not url:
        return build_sqlite_settings(data_dir / "footfall.sqlite3")
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ValueError(f"DATABASE_URL starts with {parts.scheme!r}; use postgres://user:password@host/name")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "OPTIONS": {**dict(parse_qsl(parts.query)), "pool": {"min_size": 1, "max_size": 16}},
    }


def build_sqlite_settings(path: Path) -> dict[str, object]:
    """Build settings of SQLite with a write-ahead log; IMMEDIATE, so that writers wait instead of failing half-way."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA recursive_triggers=ON;",
        },
        "TEST": {"NAME": ":memory:"},
    }
