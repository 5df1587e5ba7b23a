"""Files of the product are accessible to its own user only, whatever the umask."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from config.file_permissions import find_accessible_to_others, remove_others_access
from tests.config.test_serve_command import MANAGE, PORT, ROOT, ask
from tests.support.hits import CHROME

USUAL = 0o022  # the umask of most shells and services


def environment(data_dir: Path) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if name not in ("EVENTS_URL", "SECRET_KEY")},
        "DATA_DIR": str(data_dir),
    }


@contextmanager
def serving(data_dir: Path, log: Path) -> Iterator[None]:
    """A server on that directory, started with the usual umask, once it answers."""
    command = [*MANAGE, "serve", "--no-demo", "--port", str(PORT)]
    with log.open("w") as out:
        process = subprocess.Popen(
            command, env=environment(data_dir), cwd=ROOT, stdout=out, stderr=out, umask=USUAL
        )  # fmt: skip
    try:
        wait(process, log)
        yield
    finally:
        process.terminate()
        process.wait(30)


def wait(process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 180
    while time.monotonic() < end and process.poll() is None:
        try:
            ask("/healthz", timeout=2)
            return
        except httpx.HTTPError:
            time.sleep(0.2)
    raise AssertionError(f"serve does not answer: {log.read_text()}")


def use(data_dir: Path) -> None:
    """Let every part write something: database, events, spool, mails."""
    command = [*MANAGE, "provision", "--email", "a@example.com", "--password", "correct horse battery", "--account"]
    done = subprocess.run(
        [*command, "A", "--domain", "example.com", "--json"],
        env=environment(data_dir), cwd=ROOT, capture_output=True, umask=USUAL, check=True,
    )  # fmt: skip
    site = json.loads(done.stdout)["site"]["site_id"]
    query = {"site_id": site, "type": "pageview", "href": "/", "host": "example.com"}
    assert ask("/in.php", params=query, headers={"user-agent": CHROME}).status_code == 200
    page = ask("/password/reset")
    token = page.text.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
    cookie = {"cookie": f"csrftoken={page.cookies['csrftoken']}"}
    form = {"email": "a@example.com", "csrfmiddlewaretoken": token}
    assert ask("/password/reset", method="POST", data=form, headers=cookie).status_code == 200
    ask("/static/js/app.js").raise_for_status()


def open_ones(data_dir: Path) -> list[str]:
    return [f"{stat.filemode(mode)} {path}" for path, mode in find_accessible_to_others(data_dir)]


@pytest.mark.heavy
def test_no_file_in_the_data_directory_is_accessible_to_other_users(tmp_path: Path) -> None:
    data_dir, log = tmp_path / "new" / "data", tmp_path / "serve.log"
    with serving(data_dir, log):
        use(data_dir)
        assert open_ones(data_dir) == []
        names = {path.name for path in data_dir.iterdir()}
    assert {"footfall.sqlite3", "mail", "events", "spool", "secret.key", "serve.lock", "static"} <= names
    assert open_ones(data_dir) == [] and "removed the access" not in log.read_text()
    widen(data_dir)
    with serving(data_dir, log):
        assert open_ones(data_dir) == []
    assert f"{data_dir}: removed the access of other users to " in log.read_text()


def widen(data_dir: Path) -> None:
    """Give everything the permissions that an earlier version left it with."""
    for path in [data_dir, *data_dir.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    assert len(open_ones(data_dir)) > 20


@pytest.mark.parametrize("begin", ["config.asgi", "config.celery", "config.settings"])
def test_every_process_creates_files_for_its_user_only(tmp_path: Path, begin: str) -> None:
    words = f"import pathlib, {begin}; pathlib.Path({str(tmp_path / 'made')!r}).touch()"
    env = {**environment(tmp_path / "data"), "DJANGO_SETTINGS_MODULE": "config.settings"}
    subprocess.run([sys.executable, "-c", words], env=env, cwd=ROOT, umask=0, check=True)
    assert stat.S_IMODE((tmp_path / "made").stat().st_mode) == 0o600
    assert open_ones(tmp_path / "data") == []


def test_symbolic_links_out_of_the_directory_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o755)
    (outside / "page.html").touch()
    for path, mode in ((outside, 0o755), (outside / "page.html", 0o644)):
        path.chmod(mode)
    inside = tmp_path / "data"
    inside.mkdir()
    inside.chmod(0o750)
    (inside / "link").symlink_to(outside)
    (inside / "file").symlink_to(outside / "page.html")
    assert remove_others_access(inside) == 1 and open_ones(inside) == []
    assert stat.S_IMODE((outside / "page.html").stat().st_mode) == 0o644
    assert remove_others_access(inside) == 0
