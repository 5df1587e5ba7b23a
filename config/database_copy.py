"""Copy Django's database to another, empty one, from SQLite to PostgreSQL, and compare every row.

Values are converted by the two backends alone, not by fields: an encrypted text stays as it is, whichever key decrypts
it, and no time of change is set anew. The rows are written in one transaction, so a copy that fails leaves nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any, TypeAlias

from django.apps import apps
from django.conf import settings
from django.core.management.color import no_style
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from accounts.security.encrypted_fields import EncryptedField
from config.env import build_database_settings

DESTINATION = "destination"  # the alias of the new database while rows are copied
MAX_BATCH_ROWS = 1_000
# What a migrated database has before anybody uses it; it is replaced by the rows of the old one
FILLED_BY_MIGRATIONS = {"contenttypes.ContentType", "auth.Permission", "links.Domain"}
AnyModel: TypeAlias = type[models.Model]
ColumnValue: TypeAlias = Any  # as Python or as the database has it
Converter: TypeAlias = Callable[[ColumnValue], ColumnValue]
AnyField: TypeAlias = "models.Field[Any, Any]"


class CopyRefused(Exception):
    """The database cannot be copied. The message is shown to the user."""


def list_models() -> list[AnyModel]:
    """Return the models that have a table, those of many-to-many relations included."""
    return [
        model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy and not model._meta.swapped
    ]


def list_fields(model: AnyModel) -> list[AnyField]:
    """Return the fields with a column of their own that the database does not compute itself."""
    return [field for field in model._meta.local_concrete_fields if not field.generated]


@contextmanager
def connect_destination(url: str) -> Iterator[BaseDatabaseWrapper]:
    """Connect to the new database under the alias DESTINATION. Raises CopyRefused for another one than PostgreSQL."""
    try:
        new = build_database_settings(url, settings.DATA_DIR)
    except ValueError as error:
        raise CopyRefused(str(error).replace("DATABASE_URL", "The new database")) from error
    old = connections.databases[DEFAULT_DB_ALIAS]
    if connections[DEFAULT_DB_ALIAS].vendor != "sqlite":
        raise CopyRefused("Databases are moved from SQLite; this one is PostgreSQL already. Use pg_dump.")
    connections.databases[DESTINATION] = {**old, **new}
    try:
        yield connections[DESTINATION]
    finally:
        connections[DESTINATION].close()
        if pool := getattr(connections[DESTINATION], "close_pool", None):
            pool()
        del connections[DESTINATION], connections.databases[DESTINATION]


def check_copy(url: str) -> None:
    """Check that the new database answers and holds nothing. Raises CopyRefused."""
    with connect_destination(url) as destination:
        try:
            tables = set(destination.introspection.table_names())
        except DatabaseError as error:
            raise CopyRefused(f"The new database does not answer: {str(error).strip()}") from error
        for model in list_models():
            rows = count_rows(destination, model) if model._meta.db_table in tables else 0
            if rows and not is_filled_by_migrations(model, rows):
                raise CopyRefused(
                    f"The new database is not empty: {model._meta.db_table} has {rows} rows. Name an empty one."
                )


def is_filled_by_migrations(model: AnyModel, rows: int) -> bool:
    """Whether so many rows of a model may be there before anybody used the database: one link domain at most."""
    label = model._meta.label
    return label in FILLED_BY_MIGRATIONS and (label != "links.Domain" or rows <= 1)


def migrate_destination(url: str) -> None:
    """Create the tables, in a process of its own: migrations may use the default database, which is the old one."""
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "migrate", "--verbosity", "0"]
    env = {**os.environ, "DATABASE_URL": url}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    if done.returncode:
        raise CopyRefused(f"The new database cannot be migrated: {done.stderr.strip().splitlines()[-1]}")


def copy_database(url: str, report: Callable[[str], object]) -> int:
    """Copy all rows to the empty database at `url` and compare them; returns how many rows there are.

    Nothing may write into the present database meanwhile. Raises CopyRefused; then the new one has no rows.
    """
    check_copy(url)
    migrate_destination(url)
    total = 0
    with connect_destination(url) as destination, transaction.atomic(using=DESTINATION):
        source, all_models = connections[DEFAULT_DB_ALIAS], list_models()
        tables = [model._meta.db_table for model in all_models]
        with destination.cursor() as cursor:
            for statement in destination.ops.sql_flush(no_style(), tables, reset_sequences=True):
                cursor.execute(statement)
        for model in all_models:
            copy_rows(source, destination, model)
        destination.check_constraints()
        for model in all_models:
            rows = compare_rows(source, destination, model)
            total += rows
            if rows:
                report(f"{model._meta.db_table}: {rows} rows are equal.")
        with destination.cursor() as cursor:
            for statement in destination.ops.sequence_reset_sql(no_style(), all_models):
                cursor.execute(statement)
    return total


def copy_rows(source: BaseDatabaseWrapper, destination: BaseDatabaseWrapper, model: AnyModel) -> None:
    """Copy the rows of one table. Raises CopyRefused for a row that PostgreSQL does not accept."""
    fields = list_fields(model)
    names = ", ".join(destination.ops.quote_name(str(field.column)) for field in fields)
    marks = ", ".join(["%s"] * len(fields))
    table = destination.ops.quote_name(model._meta.db_table)
    statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - names of our own models
    try:
        for rows in read_batches(source, model):
            written = [
                [adapt(field, value, destination) for field, value in zip(fields, row, strict=True)] for row in rows
            ]
            with destination.cursor() as cursor:
                cursor.executemany(statement, written)
    except (DatabaseError, ValueError) as error:  # ValueError: a text with a NUL character
        raise CopyRefused(f"The rows of {model._meta.db_table} cannot be copied: {str(error).strip()}") from error


def compare_rows(source: BaseDatabaseWrapper, destination: BaseDatabaseWrapper, model: AnyModel) -> int:
    """Compare all rows of one table; returns how many there are. Raises CopyRefused if they are not equal."""
    before, after = summarize_rows(source, model), summarize_rows(destination, model)
    if before != after:
        raise CopyRefused(
            f"The rows of {model._meta.db_table} are not equal after the copy ({before[0]} and {after[0]} rows), so "
            "nothing was kept. Does something write into the old database?"
        )
    return before[0]


def summarize_rows(connection: BaseDatabaseWrapper, model: AnyModel) -> tuple[int, int]:
    """Return the number of rows and a sum of their hashes, whatever order they have."""
    count = checksum = 0
    for row in chain.from_iterable(read_batches(connection, model)):
        text = json.dumps(row, default=repr, sort_keys=True).encode()
        count, checksum = count + 1, checksum + int.from_bytes(hashlib.sha256(text).digest()[:16])
    return count, checksum


def count_rows(connection: BaseDatabaseWrapper, model: AnyModel) -> int:
    """Count the rows of a table."""
    with connection.cursor() as cursor:
        table = connection.ops.quote_name(model._meta.db_table)
        cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 - a name of our own models
        return int(cursor.fetchone()[0])


def read_batches(connection: BaseDatabaseWrapper, model: AnyModel) -> Iterator[list[list[ColumnValue]]]:
    """Yield the rows of a table, many at a time, with Python's values; encrypted ones as they are stored."""
    fields = list_fields(model)
    table = connection.ops.quote_name(model._meta.db_table)
    names = ", ".join(connection.ops.quote_name(str(field.column)) for field in fields)
    converters = [build_converter(field, model, connection) for field in fields]
    with connection.chunked_cursor() as cursor:
        cursor.execute(f"SELECT {names} FROM {table}")  # noqa: S608 - names of our own models
        while rows := cursor.fetchmany(MAX_BATCH_ROWS):
            yield [[convert(value) for convert, value in zip(converters, row, strict=True)] for row in rows]


def build_converter(field: AnyField, model: AnyModel, connection: BaseDatabaseWrapper) -> Converter:
    """Return the function that makes a Python value of a column's value."""
    if isinstance(field, EncryptedField):
        return lambda value: value
    expression = field.get_col(model._meta.db_table)
    converters = list(connection.ops.get_db_converters(expression))
    if isinstance(field, models.JSONField):
        converters.append(field.from_db_value)

    def convert(value: ColumnValue) -> ColumnValue:
        for converter in converters:
            value = converter(value, expression, connection)
        return bytes(value) if isinstance(value, memoryview) else value

    return convert


def adapt(field: AnyField, value: ColumnValue, connection: BaseDatabaseWrapper) -> ColumnValue:
    """Return a Python value as the driver takes it for this column."""
    if value is None or isinstance(field, EncryptedField):
        return value
    return field.get_db_prep_value(value, connection, prepared=True)
