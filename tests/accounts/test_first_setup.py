"""A fresh installation is set up with a one-time link; there is no default password."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts.models import Account, Invitation, Membership, User
from accounts.services.invitations import SETUP_HOURS, create_setup_link
from tests.support.members import may_in_account

ROOT = Path(__file__).resolve().parents[2]
FIELDS = {"name": "Ada", "email": "ada@example.org", "password": "a long enough password", "account_name": "Ada Ltd"}


def path() -> str:
    return create_setup_link("")


def test_in_a_fresh_installation_the_login_page_redirects_to_the_setup_hint(client: Client, db: None) -> None:
    assert client.get("/login")["Location"] == "/setup"
    hint = client.get("/setup").content.decode()
    assert "setuplink" in hint and "24 hours" in hint and "/setup/" not in hint
    assert not Invitation.objects.exists(), "a stranger's visit makes no link"


def test_a_setup_link_works_for_a_day_and_only_its_hash_is_stored(client: Client, db: None) -> None:
    link = path()
    token = link.rpartition("/")[2]
    assert token not in str(list(Invitation.objects.values()))
    invitation = Invitation.objects.get()
    assert invitation.expires - invitation.created == timedelta(hours=SETUP_HOURS)
    Invitation.objects.update(expires=timezone.now() - timedelta(minutes=1))
    assert client.get(link).status_code == 404
    assert client.post(link, FIELDS).status_code == 404
    assert client.get(path()).status_code == 200, "a restart, or the command, makes a new one"
    assert Invitation.objects.count() == 1, "what is over is deleted"


def test_of_several_setup_links_each_works_until_one_is_used(client: Client, db: None) -> None:
    first, second = path(), path()
    assert first != second
    assert client.post(first, FIELDS).status_code == 302
    assert Client().get(second).status_code == 404


def test_the_first_user_owns_a_new_account_and_the_demo(client: Client, db: None) -> None:
    demo = Account.objects.create(name="Demo")
    link = path()
    assert client.get(link).status_code == 200
    assert client.post(link, FIELDS)["Location"] == "/"
    ada = User.objects.get()
    assert ada.is_operator and ada.check_password(FIELDS["password"])
    assert may_in_account(ada, demo, "manage") and may_in_account(ada, Account.objects.get(name="Ada Ltd"), "manage")
    assert client.get("/me").status_code == 200


def test_a_setup_link_works_once(client: Client, db: None) -> None:
    link = path()
    client.post(link, FIELDS)
    again = Client().post(link, {**FIELDS, "email": "eve@example.org"})
    assert again.status_code == 404
    assert User.objects.count() == 1
    assert path() == ""


def test_a_setup_link_ends_when_a_user_is_created_in_another_way(client: Client, db: None) -> None:
    link = path()
    User.objects.create_user("op@example.org", "a long enough password")
    assert client.post(link, FIELDS).status_code == 404


def test_a_rejected_password_does_not_use_up_the_setup_link(client: Client, db: None) -> None:
    link = path()
    answer = client.post(link, {**FIELDS, "password": "short"})
    assert "too short" in answer.content.decode()
    assert not User.objects.exists() and not Account.objects.exists()
    assert client.post(link, FIELDS).status_code == 302


def test_a_guessed_setup_token_does_not_work(client: Client, db: None) -> None:
    path()
    assert client.post("/setup/guess", FIELDS).status_code == 404
    assert not User.objects.exists()


def test_setuplink_prints_a_setup_link_and_later_a_link_to_a_new_password(client: Client, db: None) -> None:
    out = StringIO()
    call_command("setuplink", stdout=out)
    client.post(out.getvalue().strip(), FIELDS)
    with pytest.raises(CommandError, match="has users"):
        call_command("setuplink")
    out = StringIO()
    call_command("setuplink", email=FIELDS["email"], stdout=out)
    assert Client().get(out.getvalue().strip(), follow=True).status_code == 200


def test_createuser_creates_an_operator_first_and_then_owners(db: None) -> None:
    demo = Account.objects.create(name="Demo")
    for name in ("one", "two"):
        call_command("createuser", f"{name}@example.org", password="a long enough password", stdout=StringIO())
    assert [user.is_operator for user in User.objects.order_by("pk")] == [True, False]
    assert Membership.objects.get(account=demo).user.email == "one@example.org"
    with pytest.raises(CommandError, match="already a user"):
        call_command("createuser", "two@example.org", password="a long enough password")


def test_an_expired_setup_link_says_how_to_get_a_new_one(client: Client, db: None) -> None:
    page = client.get("/setup/guess").content.decode()
    assert "This link does not work" in page and "manage.py setuplink" in page and "Forgot your password" not in page
    User.objects.create_user("op@example.org", "a long enough password")
    assert "manage.py" not in client.get("/setup/guess").content.decode(), "strangers are not told once it is set up"


COMMANDS = ["setuplink", "custom_domain list", "reencrypt", "quota 1"]
EACH = """
import contextlib, io, json, runpy, sys
for words in sys.argv[1:]:
    sys.argv = ["manage.py", *words.split()]
    code, said = 0, io.StringIO()
    with contextlib.redirect_stderr(said):
        try:
            runpy.run_path("manage.py", run_name="__main__")
        except SystemExit as end:
            code = end.code
    print(json.dumps([code, said.getvalue()]))
"""


@pytest.fixture(scope="module")
def before_first_start(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A directory in which nothing was ever started, and of each command what it ends with and says there.

    One process runs them all, because each would first load Django.
    """
    directory = tmp_path_factory.mktemp("new")
    env = {**os.environ, "DATA_DIR": str(directory), "DATABASE_URL": ""}
    done = subprocess.run(
        [sys.executable, "-c", EACH, *COMMANDS], cwd=ROOT, env=env, capture_output=True, text=True, check=True
    )
    return directory, dict(zip(COMMANDS, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_before_the_first_start_fails_with_a_clear_message(
    command: str, before_first_start: tuple[Path, dict[str, Any]]
) -> None:
    directory, answers = before_first_start
    code, said = answers[command]
    assert code == 1 and "Traceback" not in said
    assert str(directory) in said and "manage.py serve" in said
