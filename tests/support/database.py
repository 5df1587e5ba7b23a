"""Helpers for database transactions, and for the database that transactional tests leave."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import transaction
from django.db.backends.base.operations import BaseDatabaseOperations


@contextmanager
def rolled_back() -> Iterator[None]:
    """Roll back what is written inside."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def permit_flushes_of_the_audit_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what empties the database after a transactional test delete the audit log, which triggers protect."""
    from accounts.audit.models import AuditEntry, AuditSeal
    from accounts.audit.retention import permit_deletion

    flush = BaseDatabaseOperations.execute_sql_flush

    def delete_and_flush(self: BaseDatabaseOperations, sql_list: list[str]) -> None:
        with permit_deletion():
            AuditEntry.objects.all().delete()
            AuditSeal.objects.all().delete()
        flush(self, sql_list)

    monkeypatch.setattr(BaseDatabaseOperations, "execute_sql_flush", delete_and_flush)
