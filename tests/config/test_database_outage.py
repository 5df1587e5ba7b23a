"""Periodic work during a database outage: one log message, ever rarer attempts, and recovery."""

from __future__ import annotations

import pytest
from django.db import OperationalError

from config.outages import DatabaseOutageBackoff


def fails() -> None:
    raise OperationalError("unable to open database file\nDETAIL: nothing")


@pytest.mark.django_db
def test_a_database_outage_is_logged_once_and_its_end_once(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    patience, done = DatabaseOutageBackoff(lambda: now[0]), []
    for second in range(0, 300, 5):
        now[0] = float(second)
        assert not patience.run("ping", fails)
    assert patience.run("digest", lambda: done.append(1))
    now[0] += 60
    assert patience.run("ping", lambda: done.append(2)) and done == [1, 2]
    assert [record.getMessage() for record in caplog.records] == [
        "Periodic tasks pause, because the database is unavailable: unable to open database file",
        "The database is available again; periodic tasks continue.",
    ]
    assert not any(record.exc_info for record in caplog.records)


@pytest.mark.django_db
def test_a_failing_task_is_retried_ever_less_often_but_once_a_minute() -> None:
    now, asked = [0.0], []

    def job() -> None:
        asked.append(now[0])
        fails()

    patience = DatabaseOutageBackoff(lambda: now[0])
    for second in range(0, 301, 5):
        now[0] = float(second)
        patience.run("ping", job)
    assert asked == [0, 5, 15, 35, 75, 135, 195, 255]


def test_a_programming_error_is_not_taken_for_an_outage() -> None:
    with pytest.raises(KeyError):
        DatabaseOutageBackoff().run("ping", {}.popitem)
