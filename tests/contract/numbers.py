"""Fixed sequences and random choices: new rows get the same ids in every test, links the same aliases."""

from __future__ import annotations

import random
import secrets
import uuid
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

from django.apps import apps
from django.db import connection, models
from django.db.backends.utils import CursorWrapper

from accounts.models import Membership
from accounts.models.accounts import AuthkeyOwner
from goals.models import Goal
from links.models import Conversion, Datapoint, Domain, Group, Script, Tag

FIRST: dict[type[models.Model], int] = {
    Group: 2000, Datapoint: 3000, Tag: 4000, Conversion: 5000, Domain: 6000, Script: 7000, Membership: 8000,
    Goal: 9000,
}  # fmt: skip
OTHERS = 1000
APPS = ("accounts", "sites", "alerts", "uptime", "goals", "links")


def seed_choices(seed: int) -> AbstractContextManager[Any]:
    """Draw the same choices inside: those of this seed."""
    return mock.patch.object(secrets, "choice", random.Random(seed).choice)


def seed_keys() -> AbstractContextManager[Any]:
    """Take a new row's number as the seed of its authkey, which is random otherwise."""
    save = AuthkeyOwner.save

    def save_with_seed(row: AuthkeyOwner, *args: Any, **kwargs: Any) -> None:
        if row._state.adding:
            row.key_seed = uuid.UUID(int=find_next_number(type(row)))
        save(row, *args, **kwargs)

    return mock.patch.object(AuthkeyOwner, "save", save_with_seed)


def find_next_number(model: type[models.Model]) -> int:
    """Return the number that the table's next row gets, after `number_rows`."""
    table, column = model._meta.db_table, model._meta.pk.column
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [table])
        else:
            cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [table, column])
            cursor.execute(f"SELECT last_value FROM {cursor.fetchone()[0]}")
        return int(cursor.fetchone()[0]) + 1


def number_rows(later: int = 0) -> None:
    """The next row of each kind has its kind's first number + 1 + `later`."""
    with connection.cursor() as cursor:
        for label in APPS:
            for model in apps.get_app_config(label).get_models():
                if isinstance(model._meta.pk, models.AutoField | models.BigAutoField):
                    place_sequence(cursor, model, FIRST.get(model, OTHERS) + later)


def place_sequence(cursor: CursorWrapper, model: type[models.Model], last: int) -> None:
    """The number after `last` is the next one of this table."""
    table, column = model._meta.db_table, model._meta.pk.column
    execute = cursor.execute
    if connection.vendor == "sqlite":
        execute("DELETE FROM sqlite_sequence WHERE name = %s", [table])
        execute("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", [table, last])
    else:
        execute("SELECT setval(pg_get_serial_sequence(%s, %s), %s)", [table, column, last])
