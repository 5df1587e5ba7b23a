"""The operator's console: runs of periodic tasks, and sent mail where it is written to files."""

import os
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.mail import FILE_BACKEND
from accounts.models import User
from accounts.operations import mailbox, task_runs
from accounts.operations.models import TaskRun
from accounts.operations.task_runs import claim_task, run_guarded
from accounts.security import sessions
from config import celery, health
from config.periodic_tasks import PERIODIC_TASKS
from reports.digests.models import DigestSubscription
from reports.digests.services import digests_send
from tests.reports.digests.test_digests import MONDAY, weekly  # noqa: F401

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def written(settings: Settings, tmp_path: Path) -> Path:
    settings.EMAIL_BACKEND = FILE_BACKEND
    settings.EMAIL_FILE_PATH = tmp_path / "mail"
    return tmp_path / "mail"


@pytest.fixture
def operator(client: Client, alice: User) -> Client:
    alice.is_operator = True
    alice.save()
    client.force_login(alice)
    return client


def pages(client: Client) -> list[str]:
    return re.findall(r'href="(/operations/mail/[^"/]+/\d+)"', client.get("/operations/mail").content.decode())


def test_sent_mail_is_listed_and_shown_with_its_images(
    operator: Client, written: Path, weekly: DigestSubscription,  # noqa: F811
) -> None:  # fmt: skip
    digests_send(now=MONDAY)
    (page,) = pages(operator)
    text = operator.get(page).content.decode()
    assert "alice@example.com" in text and "List-Unsubscribe-Post" in text and "report.csv" in text
    assert f'sandbox title="The mail" src="{page}/letter"' in text and "What changed" in text
    letter = operator.get(f"{page}/letter")
    assert 'src="data:image/png;base64,' in letter.content.decode() and "cid:" not in letter.content.decode()
    assert "sandbox" in letter["Content-Security-Policy"] and letter["X-Frame-Options"] == "SAMEORIGIN"
    assert '/operations/mail"' in operator.get("/operations").content.decode()


def test_mails_are_listed_newest_first_and_text_is_escaped(operator: Client, written: Path) -> None:
    for number in range(3):
        EmailMessage(f"Number {number}", f"<script>{number}</script>", to=[f"p{number}@example.com"]).send()
        newest = max(written.glob("*.log"), key=lambda path: path.stat().st_mtime_ns)
        newest.rename(written / f"{number}.log")

        os.utime(written / f"{number}.log", (1_000_000 + number, 1_000_000 + number))
    assert pages(operator) == [f"/operations/mail/{number}.log/0" for number in (2, 1, 0)]
    assert "&lt;script&gt;2" in operator.get(pages(operator)[0]).content.decode()


def test_scripts_in_a_mail_do_not_run(operator: Client, written: Path) -> None:
    mail = EmailMultiAlternatives("Evil", "text", to=["a@example.com"])
    mail.attach_alternative("<script>alert(1)</script>", "text/html")
    mail.send()
    letter = operator.get(pages(operator)[0] + "/letter")
    assert (
        "script-src" not in letter["Content-Security-Policy"]
        and "default-src 'none'" in letter["Content-Security-Policy"]
    )


@pytest.mark.parametrize("name", ["..", "secret.key", "..%2Fsecret.key", "missing.log", "a.log%00"])
def test_no_other_file_can_be_read(operator: Client, written: Path, name: str) -> None:
    written.mkdir()
    (written.parent / "secret.key").write_text("secret")
    (written / "secret.key").write_text("secret")
    assert operator.get(f"/operations/mail/{name}/0").status_code == 404


def test_the_page_of_sent_mail_does_not_exist_where_mail_is_delivered(operator: Client, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    assert operator.get("/operations/mail").status_code == 404
    assert "/operations/mail" not in operator.get("/operations").content.decode()


def test_only_operators_read_mail(client: Client, alice: User, written: Path) -> None:
    EmailMessage("Reset", "secret link", to=["p@example.com"]).send()
    client.force_login(alice)
    (file,) = written.glob("*.log")
    for page in ("/operations/mail", f"/operations/mail/{file.name}/0", f"/operations/mail/{file.name}/0/letter"):
        assert client.get(page).status_code == 404
    assert "/operations" not in client.get("/me").content.decode()


def test_the_settings_of_an_operator_link_to_the_console(operator: Client) -> None:
    assert 'href="/operations"' in operator.get("/me").content.decode()
    assert operator.get(reverse("operations:task-runs")).status_code == 200


def test_health_shows_each_tasks_last_run_and_failure_without_the_error_text(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_task_runs", (-100.0, {}))
    run_guarded("good", lambda: None, now=NOW)

    def bad() -> None:
        raise ValueError("a secret")

    run_guarded("bad", bad, now=NOW)
    tasks = health.build_report(NOW)["tasks"]
    assert (tasks["good"]["runs"], tasks["good"]["failures"], tasks["good"]["started"]) == (1, 0, NOW)
    assert (tasks["bad"]["failures"], tasks["bad"]["last_failure"]) == (1, NOW)
    assert "secret" not in str(tasks)


def test_health_warns_of_a_task_that_does_not_end_or_keeps_failing(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def warnings(now: datetime) -> list[str]:
        monkeypatch.setattr(health, "_task_runs", (-100.0, {}))
        return [text for text in health.build_report(now)["warnings"] if "task" in text]

    assert claim_task("alerts", NOW)
    assert warnings(NOW + timedelta(minutes=5)) == []
    assert warnings(NOW + timedelta(minutes=15)) == ["The task “alerts” began 15 minutes ago and has not ended."]
    for _ in range(3):
        run_guarded("named goals", lambda: 1 / 0, now=NOW)
    assert "The task “named goals” failed the last 3 times." in warnings(NOW)
    run_guarded("named goals", lambda: None, now=NOW)
    run_guarded("alerts", lambda: None, now=NOW + timedelta(minutes=15))
    assert warnings(NOW + timedelta(minutes=15)) == []
    assert TaskRun.objects.get(name="named goals").failures == 3


def test_a_killed_workers_task_starts_again_within_a_minute(db: None) -> None:
    assert claim_task("retention", NOW, timedelta(hours=6))  # and nobody renews it
    assert not run_guarded("retention", lambda: None, now=NOW + timedelta(seconds=19), max_duration=timedelta(hours=6))
    assert run_guarded("retention", lambda: None, now=NOW + timedelta(seconds=21), max_duration=timedelta(hours=6))


def test_a_lease_taken_with_a_wrong_clock_does_not_block_the_task(db: None) -> None:
    assert claim_task("alerts", NOW + timedelta(hours=2))
    assert claim_task("alerts", NOW)


@pytest.mark.django_db(transaction=True)
def test_a_task_renews_its_lease_while_it_runs_up_to_its_maximum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_runs, "LEASE_DURATION", timedelta(seconds=1))
    monkeypatch.setattr(task_runs, "RENEWAL_SECONDS", 0.1)
    claimed: list[bool] = []

    def slow() -> None:
        for after in (1.5, 2.5):
            time.sleep(begun + after - time.monotonic())
            claimed.append(claim_task("slow", NOW + timedelta(seconds=after)) != "")

    begun = time.monotonic()
    assert run_guarded("slow", slow, now=NOW, max_duration=timedelta(seconds=2))
    assert claimed == [False, True]
    assert TaskRun.objects.get(name="slow").running_until == NOW + timedelta(seconds=3.5), "the next one has it"


def test_a_daily_task_runs_once_a_day_however_often_beat_starts_it(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = []
    monkeypatch.setattr("accounts.security.sessions.sessions_clear", lambda: ran.append(datetime.now(UTC)))
    row = next(row for row in PERIODIC_TASKS if row.name == "expired sessions")
    assert row.beat_seconds == 600
    assert not any(task.min_interval for task in PERIODIC_TASKS if task.seconds <= 600)
    for number in range(3 * 144 + 1):  # every ten minutes, as after a restart each time
        with time_machine.travel(NOW + number * timedelta(minutes=10), tick=False):
            celery.run_task(row)
    assert ran == [NOW + day * timedelta(days=1) for day in range(4)]


def test_a_daily_task_of_a_killed_worker_is_repeated_the_same_day(db: None) -> None:
    day = timedelta(days=1)
    assert claim_task("expired sessions", NOW, min_interval=day)
    assert claim_task("expired sessions", NOW + timedelta(minutes=10), min_interval=day)
    assert run_guarded("other", lambda: None, now=NOW, min_interval=day)
    assert not run_guarded("other", lambda: None, now=NOW + timedelta(minutes=10), min_interval=day)


def test_expired_sessions_are_deleted(db: None, client: Client, alice: User) -> None:
    client.force_login(alice)
    with time_machine.travel(NOW - timedelta(days=90), tick=False):
        Client().force_login(alice)
    assert Session.objects.count() == 2
    sessions.sessions_clear()
    assert Session.objects.count() == 1 and client.get("/me").status_code == 200


def test_mail_files_are_deleted_after_thirty_days(written: Path) -> None:
    for name, days in (("old.log", 31), ("young.log", 29), ("notes.txt", 90)):
        EmailMessage("x", "y", to=["p@example.com"]).send()
        (path,) = [path for path in written.glob("*.log") if path.name not in ("old.log", "young.log")]
        at = (NOW - timedelta(days=days)).timestamp()
        os.utime(path.rename(written / name), (at, at))
    assert mailbox.mails_clear(NOW) == 1
    assert sorted(path.name for path in written.iterdir()) == ["notes.txt", "young.log"]


def test_no_mail_file_is_deleted_where_mail_is_delivered(settings: Settings, tmp_path: Path) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_FILE_PATH = tmp_path
    (tmp_path / "old.log").touch()
    assert mailbox.mails_clear(NOW + timedelta(days=36_500)) == 0


def test_the_page_marks_a_failing_task(operator: Client) -> None:
    for _ in range(2):
        run_guarded("named goals", lambda: 1 / 0, now=NOW)
    page = operator.get("/operations").content.decode()
    assert 'title="The last 2 runs failed">failing<' in page and "ZeroDivisionError" in page
    run_guarded("named goals", lambda: None, now=NOW)
    assert "failing" not in operator.get("/operations").content.decode()
