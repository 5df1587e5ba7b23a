"""Django's DATABASES from DATABASE_URL: SQLite in DATA_DIR if it is empty, else PostgreSQL with psycopg's pool."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit


def build_database_settings(url: str, data_dir: Path) -> dict[str, Any]:
    """Build Django's settings of a database. Raises ValueError for a scheme other than postgres."""
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


def build_sqlite_settings(path: Path) -> dict[str, Any]:
    """Build settings of SQLite with a write-ahead log; IMMEDIATE, so that writers wait instead of failing half-way."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
        "TEST": {"NAME": ":memory:"},
    }
