"""A process with another SECRET_KEY than the installation's does not start, and says how to correct that."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from accounts.models import SecretKeyFingerprint
from accounts.security.secret_key import WrongSecretKey, check_secret_key
from config import system_checks

ROOT = Path(__file__).resolve().parents[2]
OTHER = "another key of the installation, long enough that no check complains"
THIRD = "a third key of the installation, long enough that no check complains"


def test_the_first_process_stores_the_fingerprint_of_its_key(db: None, settings: Settings) -> None:
    check_secret_key()
    check_secret_key()
    settings.SECRET_KEY = OTHER
    with pytest.raises(WrongSecretKey, match=r"SECRET_KEY is set\. Set the SECRET_KEY of the installation's other"):
        check_secret_key()


def test_the_error_says_when_the_key_was_generated(db: None, settings: Settings, tmp_path: Path) -> None:
    check_secret_key()
    settings.DATA_DIR, settings.SECRET_KEY = tmp_path, OTHER
    (tmp_path / "secret.key").write_text(OTHER)
    with pytest.raises(WrongSecretKey, match=f"SECRET_KEY is not set, so the key in {tmp_path}/secret.key was used"):
        check_secret_key()


def test_a_new_key_is_accepted_if_the_earlier_one_is_a_fallback(db: None, settings: Settings) -> None:
    check_secret_key()
    first, settings.SECRET_KEY = settings.SECRET_KEY, OTHER
    settings.SECRET_KEY_FALLBACKS = [THIRD, first]
    check_secret_key()
    settings.SECRET_KEY_FALLBACKS = []
    check_secret_key()
    settings.SECRET_KEY = first
    with pytest.raises(WrongSecretKey):
        check_secret_key()


def test_the_database_contains_no_part_of_the_key(db: None, settings: Settings) -> None:
    check_secret_key()
    row = SecretKeyFingerprint.objects.get()
    assert settings.SECRET_KEY not in f"{row.salt} {row.fingerprint}" and len(row.fingerprint) == 64


def test_commands_refuse_another_key_unless_the_lost_one_is_given_up_explicitly(db: None, settings: Settings) -> None:
    check_secret_key()
    settings.SECRET_KEY = OTHER
    for command in (["setuplink"], ["reencrypt"]):
        with pytest.raises(CommandError, match="reencrypt --lost-key"):
            call_command(*command, skip_checks=True)
    call_command("reencrypt", "--lost-key")
    check_secret_key()


def test_a_database_server_without_secret_key_in_the_environment_is_reported(
    settings: Settings, tmp_path: Path
) -> None:
    from dataclasses import replace

    settings.ENV = replace(settings.ENV, database_url="postgres://db.example/footfall")
    assert list(system_checks.check_key_is_shared()) == []
    settings.DATA_DIR = tmp_path
    (tmp_path / "secret.key").write_text(settings.SECRET_KEY)
    assert [str(found.id) for found in system_checks.check_key_is_shared()] == ["footfall.W006"]


def run(data_dir: Path, *words: str, **environment: str) -> tuple[int, str]:
    """The exit code of a process, and what it says."""
    env = {**os.environ, "DATA_DIR": str(data_dir), "DJANGO_SETTINGS_MODULE": "config.settings", **environment}
    for name in ("DATABASE_URL", "EVENTS_URL", "REDIS_URL"):
        env.pop(name, None)
    done = subprocess.run([sys.executable, *words], env=env, cwd=ROOT, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["manage.py", "serve", "--no-demo", "--port", "0"],
        pytest.param(["-m", "celery", "-A", "config", "worker"], marks=pytest.mark.heavy),
        pytest.param(["-m", "celery", "-A", "config", "beat"], marks=pytest.mark.heavy),
    ],
    ids=lambda words: words[-1],
)
def test_server_worker_and_beat_with_another_key_do_not_start(words: list[str], migrated_dir: Path) -> None:
    check = "import django; django.setup()\nfrom accounts.security.secret_key import check_secret_key\n"
    assert run(migrated_dir, "-c", f"{check}check_secret_key()")[0] == 0
    code, said = run(migrated_dir, *words, SECRET_KEY=OTHER)
    assert code != 0 and "with another SECRET_KEY" in said and "Traceback" not in said, said[-2000:]
