"""Salts of devices are destroyed after two days, whether anybody comes or not."""

from datetime import UTC, date, datetime
from pathlib import Path

from pytest_django import Settings

from config.process import rotate_salts
from tests.support import state


def test_old_salts_are_destroyed_without_any_traffic(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    state.restart()
    for day in range(1, 6):
        rotate_salts(now=datetime(2026, 3, day, 1, tzinfo=UTC))
        rotate_salts(now=datetime(2026, 3, day, 2, tzinfo=UTC))
    first = state.current().get_salt(date(2026, 3, 5))
    text = (tmp_path / "salts.json").read_text()
    assert "2026-03-04" in text and "2026-03-05" in text and "2026-03-03" not in text
    assert state.restart().get_salt(date(2026, 3, 5)) == first
