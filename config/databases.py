"""DATABASE_URL to Django's DATABASES: SQLite below DATA_DIR when empty, else PostgreSQL through psycopg's pool."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit


def database_settings(url: str, data_dir: Path) -> dict[str, Any]:
    """Django's settings of one database. Raises ValueError for a scheme that is neither empty nor postgres."""
    if not url:
        return sqlite_settings(data_dir / "footfall.sqlite3")
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


def sqlite_settings(path: Path) -> dict[str, Any]:
    """SQLite with a write-ahead log; IMMEDIATE so that writers queue instead of failing half-way."""
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
