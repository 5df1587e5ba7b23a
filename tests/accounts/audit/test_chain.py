"""The audit log cannot be changed or deleted, and whoever does it beside the triggers is found out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from accounts.audit.chain import entries_seal, find_problem, seal_entries
from accounts.audit.models import AuditChain, AuditEntry, AuditSeal
from accounts.audit.recording import record_action
from accounts.audit.retention import audit_entries_expire
from accounts.models import Account

TABLES = ("audit_auditentry", "audit_auditseal")


@pytest.fixture
def entries(account: Account) -> list[AuditEntry]:
    """Five sealed entries of alice's account, and one of the installation."""
    for number in range(5):
        record_action("account.changed", account, changes={"name": (f"name {number}", f"name {number + 1}")})
    record_action("user.created", None, label="somebody")
    seal_entries(list(AuditEntry.objects.values_list("pk", flat=True)))
    return list(AuditEntry.objects.filter(account=account).order_by("pk"))


@contextmanager
def without_triggers() -> Iterator[None]:
    """Let the test write what somebody could who owns the database."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            for table in TABLES:
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        else:
            for table in TABLES:
                for name in ("update", "delete", "replace"):
                    cursor.execute(f"DROP TRIGGER {table}_{name}")
    yield


def describe_problem(account: Account) -> str:
    return str(find_problem(account.pk, timezone.now()))


def test_an_untouched_chain_is_complete(account: Account, entries: list[AuditEntry]) -> None:
    assert find_problem(account.pk, timezone.now()) is None
    assert [seal.number for seal in AuditSeal.objects.filter(chain_id=account.pk).order_by("number")] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {table} SET {key} = {key} + 1000",
        "DELETE FROM {table}",
        "INSERT OR REPLACE INTO {table} SELECT * FROM {table}",
        "TRUNCATE {table}",
    ],
)
def test_the_database_refuses_to_change_the_log(statement: str, table: str, entries: list[AuditEntry]) -> None:
    if statement.startswith("INSERT OR" if connection.vendor == "postgresql" else "TRUNCATE"):
        pytest.skip("the database has no such statement")
    key = "id" if table == "audit_auditentry" else "entry_id"
    with pytest.raises(DatabaseError, match="audit log cannot"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.format(table=table, key=key))
    assert AuditEntry.objects.count() == 6 and AuditSeal.objects.count() == 6


def test_a_changed_entry_is_named(account: Account, entries: list[AuditEntry]) -> None:
    with without_triggers():
        AuditEntry.objects.filter(pk=entries[2].pk).update(actor_label="somebody else")
    assert describe_problem(account) == f"account {account.pk}, number 3, entry {entries[2].pk}: it was changed"


def test_an_entry_in_another_account_is_missing_in_its_own(account: Account, entries: list[AuditEntry]) -> None:
    with without_triggers():
        AuditEntry.objects.filter(pk=entries[1].pk).update(account=None)
    assert describe_problem(account) == f"account {account.pk}, number 2, entry {entries[1].pk}: it is missing"


@pytest.mark.parametrize("place", [0, 2, 4])
def test_a_missing_entry_is_named(place: int, account: Account, entries: list[AuditEntry]) -> None:
    with without_triggers():
        AuditEntry.objects.filter(pk=entries[place].pk).delete()
    expected = f"account {account.pk}, number {place + 1}, entry {entries[place].pk}: it is missing"
    assert describe_problem(account) == expected


@pytest.mark.parametrize("place", [0, 2, 4])
def test_an_entry_that_is_missing_with_its_seal_is_named(
    place: int, account: Account, entries: list[AuditEntry]
) -> None:
    with without_triggers():
        AuditEntry.objects.filter(pk=entries[place].pk).delete()
        AuditSeal.objects.filter(pk=entries[place].pk).delete()
    assert describe_problem(account) == f"account {account.pk}, number {place + 1}: it is missing"


def test_a_chain_cannot_be_shortened_by_moving_its_end(account: Account, entries: list[AuditEntry]) -> None:
    with without_triggers():
        AuditEntry.objects.filter(pk=entries[4].pk).delete()
        AuditSeal.objects.filter(pk=entries[4].pk).delete()
        last = AuditSeal.objects.get(pk=entries[3].pk)
        AuditChain.objects.filter(pk=account.pk).update(last_number=4, last_digest=last.digest)
    assert describe_problem(account) == f"account {account.pk}: the ends of the chain were changed"


def test_an_entry_that_somebody_added_has_no_seal(account: Account, entries: list[AuditEntry]) -> None:
    added = entries[0]
    added.pk, added.at = None, timezone.now() - timedelta(days=3)
    added.save(force_insert=True)
    assert describe_problem(account).startswith(f"account {account.pk}, entry {added.pk}: it has no seal")


def test_a_task_seals_new_entries(account: Account) -> None:
    record_action("account.changed", account, changes={"name": ("a", "b")})
    assert not AuditSeal.objects.exists()
    assert entries_seal(now=timezone.now()) == 1
    assert entries_seal(now=timezone.now()) == 0
    assert find_problem(account.pk, timezone.now() + timedelta(hours=1)) is None


def test_entries_that_waited_for_hours_are_sealed_however_many_they_are(
    account: Account, entries: list[AuditEntry], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounts.audit.chain.SEARCHED_ENTRIES", 2)
    monkeypatch.setattr("accounts.audit.chain.BATCH", 3)
    for number in range(8):
        record_action("account.changed", account, changes={"name": (f"{number}", "b")})
    assert entries_seal(now=timezone.now() + timedelta(hours=5)) == 8
    assert find_problem(account.pk, timezone.now() + timedelta(hours=5)) is None


def test_an_entry_whose_transaction_ended_after_later_ones_were_sealed_is_sealed(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounts.audit.chain.SEARCHED_ENTRIES", 0)
    for number in range(3):
        record_action("account.changed", account, changes={"name": (f"{number}", "b")})
    first, *others = AuditEntry.objects.order_by("pk").values_list("pk", flat=True)
    assert seal_entries(others) == 2
    assert entries_seal(now=timezone.now()) == 1
    assert AuditSeal.objects.get(pk=first).number == 3
    assert find_problem(account.pk, timezone.now()) is None


def test_sealed_entries_are_not_sealed_again(account: Account, entries: list[AuditEntry]) -> None:
    """As a second process would that had found them before the first one sealed them."""
    assert seal_entries([entry.pk for entry in entries]) == 0
    assert find_problem(account.pk, timezone.now()) is None


def test_a_seal_that_somebody_wrote_stops_no_other_account(account: Account, entries: list[AuditEntry]) -> None:
    AuditSeal.objects.create(entry_id=10**9, chain_id=account.pk, number=6, digest="0" * 64)
    record_action("account.changed", account, changes={"name": ("a", "b")})
    record_action("user.created", None, label="somebody else")
    assert seal_entries(list(AuditEntry.objects.values_list("pk", flat=True))) == 1
    assert describe_problem(account).startswith(f"account {account.pk}, number 6")


def test_the_command_says_how_many_entries_are_not_sealed_yet(account: Account, entries: list[AuditEntry]) -> None:
    record_action("account.changed", account, changes={"name": ("a", "b")})
    added, out = AuditEntry.objects.latest("pk"), StringIO()
    call_command("audit", "verify", stdout=out)
    assert f"1 entries since {added.at:%Y-%m-%d %H:%M:%S} UTC have no seal yet" in out.getvalue()
    out = StringIO()
    call_command("audit", "verify", stdout=out)
    assert "no seal" not in out.getvalue(), "a command seals before it ends"


def test_printed_heads_cover_the_newest_entry(account: Account, entries: list[AuditEntry]) -> None:
    record_action("account.changed", account, changes={"name": ("a", "b")})
    out = StringIO()
    call_command("audit", "heads", stdout=out)
    assert f"{account.pk} 6 " in out.getvalue()


def test_the_command_says_what_is_wrong(account: Account, entries: list[AuditEntry]) -> None:
    out = StringIO()
    call_command("audit", "verify", stdout=out)
    assert "2 chains are complete" in out.getvalue()
    with without_triggers():
        AuditEntry.objects.filter(pk=entries[0].pk).update(at=timezone.now())
    with pytest.raises(CommandError, match=rf"number 1, entry {entries[0].pk}: it was changed"):
        call_command("audit", "verify", stdout=out)


def test_the_command_notices_a_chain_that_does_not_fit_kept_heads(
    account: Account, entries: list[AuditEntry], tmp_path: object
) -> None:
    heads = StringIO()
    call_command("audit", "heads", stdout=heads)
    kept = f"{tmp_path}/heads"
    with open(kept, "w") as file:
        file.write(heads.getvalue())
    call_command("audit", "verify", heads=kept, stdout=StringIO())
    with open(kept, "w") as file:
        file.write(heads.getvalue().replace(AuditChain.objects.get(pk=account.pk).last_digest, "0" * 64))
    with pytest.raises(CommandError, match=rf"account {account.pk}, number 5"):
        call_command("audit", "verify", heads=kept, stdout=StringIO())


def test_the_command_notices_a_chain_that_is_gone_with_all_its_entries(
    account: Account, entries: list[AuditEntry], tmp_path: Path
) -> None:
    heads, kept = StringIO(), tmp_path / "heads"
    call_command("audit", "heads", stdout=heads)
    kept.write_text(heads.getvalue())
    with without_triggers(), connection.cursor() as cursor:
        for table in ("audit_auditseal", "audit_auditentry", "audit_auditchain"):
            cursor.execute(f"DELETE FROM {table}")
    with pytest.raises(CommandError, match=rf"account {account.pk}, number 5"):
        call_command("audit", "verify", heads=str(kept), stdout=StringIO())
    call_command("audit", "verify", account=0, heads=None, stdout=StringIO())


@pytest.mark.parametrize("action", ["heads", "expire"])
def test_what_is_for_verify_alone_is_refused_elsewhere(db: None, action: str) -> None:
    with pytest.raises(CommandError, match="for verify only"):
        call_command("audit", action, account=5)


def test_old_entries_end_and_the_rest_can_still_be_checked(account: Account) -> None:
    for days in (500, 450, 10):
        record_action("account.changed", account, changes={"name": ("old", f"{days}")})
    rows = list(AuditEntry.objects.order_by("pk"))
    with without_triggers():
        for row, days in zip(rows, (500, 450, 10), strict=True):
            AuditEntry.objects.filter(pk=row.pk).update(at=timezone.now() - timedelta(days=days))
    seal_entries([row.pk for row in rows])
    assert audit_entries_expire(now=timezone.now()) == 2
    left = list(AuditEntry.objects.order_by("pk"))
    assert [row.action for row in left] == ["account.changed", "audit_log.expired"]
    assert left[1].changes["entries"] == [2, 0]
    seal_entries([left[1].pk])
    assert find_problem(account.pk, timezone.now()) is None
    with without_deleted(left[0].pk):
        assert describe_problem(account) == f"account {account.pk}, number 3: it is missing"


@contextmanager
def without_deleted(entry_id: int) -> Iterator[None]:
    AuditSeal.objects.filter(pk=entry_id).delete()  # the triggers are gone already
    AuditEntry.objects.filter(pk=entry_id).delete()
    yield


def test_an_account_may_keep_its_entries_for_ever(account: Account) -> None:
    account.limits = {"audit_days": 0}
    account.save(update_fields=["limits"])
    record_action("account.changed", account, changes={"name": ("a", "b")})
    seal_entries(list(AuditEntry.objects.values_list("pk", flat=True)))
    assert audit_entries_expire(now=timezone.now() + timedelta(days=5000)) == 0


def test_an_action_that_is_not_registered_is_an_error(account: Account) -> None:
    with pytest.raises(LookupError):
        record_action("account.exploded", account)
