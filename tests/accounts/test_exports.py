"""Exports: a task writes what its caller may read to a file, which whoever has the link downloads for an hour."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.audit.models import AuditEntry
from accounts.audit.repetition import EXPORTED
from accounts.audit.subjects import TIMES
from accounts.exports import files, services
from accounts.exports.models import RETENTION, Export
from accounts.exports.registry import EXPORT_KINDS
from accounts.exports.services import exports_clear, exports_write
from accounts.models import SCOPES, Account, Membership, Role, User
from accounts.notices.models import Notice
from accounts.services.personal_tokens import personal_token_create
from accounts.sso.models import SsoConnection, SsoLogin
from accounts.sso.rules import SSO_ACCOUNT
from links.services.links import datapoint_create
from sites.models import Site
from tests.support import browse, log_in, read_html
from tests.support.types import Store
from tracking.store import StoreAway
from tracking.store import client as store_client

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 9, 12, tzinfo=UTC)
MARCH = "period=2026-03-01..2026-03-31"


def ask(client: Client, **body: Any) -> Any:
    return client.post("/api/v1/exports", body, content_type="application/json")


def finish(client: Client, **body: Any) -> dict[str, Any]:
    """Ask for an export, let the task write it, and read it."""
    answer = ask(client, **body)
    assert answer.status_code == 202 and answer.json()["state"] == "waiting", answer.json()
    exports_write(now=timezone.now())
    read: dict[str, Any] = client.get(f"/api/v1/exports/{answer.json()['id']}").json()
    return read


def download(export: dict[str, Any]) -> list[list[str]]:
    answer: Any = Client().get(export["url"])
    assert answer.status_code == 200
    content = b"".join(answer)
    assert len(content) == export["size"] == int(answer["Content-Length"])
    text = content.decode("utf-8-sig")
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(text)))


@pytest.fixture
def visited(site: Site, store: Store) -> Site:
    browse(site, "/a", "/b", at=NOW)
    browse(site, "/a", "=1+1", at=NOW, visitor="other")
    return site


def test_a_report_is_the_table_of_its_page_as_a_file(visited: Site, alice: User) -> None:
    client = log_in(alice)
    export = finish(client, kind="report", site=visited.pk, table="page", query=f"{MARCH}&order=-page")
    page: Any = client.get(f"/sites/{visited.pk}/details/page?{MARCH}&order=-page&format=csv")
    assert download(export) == list(csv.reader(io.StringIO(page.content.decode("utf-8-sig"))))
    assert export["rows"] == 3 and export["is_complete"] and export["finished"] and export["error"] == ""
    filtered = finish(client, kind="report", site=visited.pk, table="page", query=f"{MARCH}&page=/b")
    assert [row[0] for row in download(filtered)] == ["page", "/b", "/a"]  # of those who saw /b


def test_who_came_by_the_provider_that_counts_as_a_second_factor_gets_their_exports(visited: Site, alice: User) -> None:
    connection = SsoConnection.objects.create(account=visited.account, issuer="https://l.test", client_id="c-1")
    login = SsoLogin.objects.create(connection=connection, user=alice, at=timezone.now())
    Account.objects.filter(pk=visited.account_id).update(second_factor_required=True)
    client = log_in(alice)
    session = client.session
    session[SSO_ACCOUNT] = visited.account_id
    session.save()
    export = finish(client, kind="report", site=visited.pk, table="page", query=MARCH)
    assert export["error"] == "" and len(download(export)) == 4
    login.delete()
    assert Client().get(export["url"]).status_code == 404, "as with a token, without a recent log-in there"


def test_hits_are_exported_one_by_one_with_escaped_formulas(visited: Site, alice: User) -> None:
    export = finish(log_in(alice), kind="hits", site=visited.pk, query=MARCH)
    heading, *rows = download(export)
    path = heading.index("path")
    assert export["rows"] == 4 and sorted(row[path] for row in rows) == sorted(["/a", "/a", "/b", "'=1+1"])


def test_links_sites_members_and_the_audit_log_are_exported(
    account: Account, alice: User, bob: User, site: Site
) -> None:
    datapoint_create(account=account, alias="spring", url="https://a.example/", title="Spring")
    datapoint_create(account=account, alias="autumn", url="https://b.example/", title="Autumn")
    client = log_in(alice)
    rows = download(finish(client, kind="links", query="q=spring"))
    assert len(rows) == 2 and "https://a.example/" in rows[1]
    assert site.domain in [row[1] for row in download(finish(client, kind="sites"))]
    assert {row[1] for row in download(finish(client, kind="members"))} == {"email", alice.email, bob.email}
    log = download(finish(client, kind="audit_log", query="action=export.created"))
    assert {row[4] for row in log[1:]} == {"export.created"} and len(log) == 5


def test_a_guest_exports_only_what_was_shared_with_them(visited: Site, bob: User, charlies_site: Site) -> None:
    client = log_in(bob)
    assert finish(client, kind="report", site=visited.pk, table="page", query=MARCH)["rows"] == 3
    for body, name in (
        ({"kind": "audit_log"}, "kind"), ({"kind": "members"}, "kind"), ({"kind": "links"}, "kind"),
        ({"kind": "report", "site": charlies_site.pk, "table": "page"}, "site"),
    ):  # fmt: skip
        assert list(ask(client, **body).json()["error"]["fields"]) == [name]
    assert [row[1] for row in download(finish(client, kind="sites"))[1:]] == [visited.domain]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "nonsense"}, "kind"),
        ({"kind": "report", "table": "page"}, "site"),
        ({"kind": "report", "table": "nonsense"}, "table"),
        ({"kind": "report", "table": "page", "query": "period=nonsense"}, "query"),
        ({"kind": "hits", "query": "period=all"}, "query"),
        ({"kind": "hits", "table": "page"}, "table"),
        ({"kind": "links", "query": "colour=red"}, "query"),
        ({"kind": "audit_log", "query": "since=nonsense"}, "query"),
        ({"kind": "members", "query": "q=a"}, "query"),
    ],
)
def test_what_cannot_be_exported_is_refused_by_its_field(
    body: dict[str, Any], field: str, site: Site, alice: User
) -> None:
    own = {"site": site.pk} if body["kind"] in ("report", "hits") and field != "site" else {}
    answer = ask(log_in(alice), **body, **own)
    assert answer.status_code == 400 and list(answer.json()["error"]["fields"]) == [field], answer.json()
    assert not Export.objects.exists()


def test_an_export_is_of_the_person_alone(account: Account, alice: User, bob: User, charlie: User, site: Site) -> None:
    mine = finish(log_in(alice), kind="members")
    program = Client(headers={"Authorization": f"Bearer {account.authkey}"})
    for other in (log_in(bob), log_in(charlie), program):
        assert other.get(f"/api/v1/exports/{mine['id']}").status_code == 404
        assert other.delete(f"/api/v1/exports/{mine['id']}").status_code == 404
        assert other.get("/api/v1/exports").json()["results"] == []
    by_key = finish(program, kind="members")
    assert by_key["rows"] == 2 and log_in(alice).get(f"/api/v1/exports/{by_key['id']}").status_code == 404


def test_a_token_exports_only_of_areas_that_it_may_read(account: Account, alice: User, site: Site) -> None:
    by = Membership.objects.get(user=alice)

    def build_client(*scopes: str) -> Client:
        return Client(
            headers={
                "Authorization": f"Bearer {personal_token_create(membership=by, name='t', scopes=scopes or SCOPES)[1]}"
            }
        )

    of_account = finish(build_client(), kind="members")
    limited = build_client("reports:write", "sites:read")
    refused = ask(limited, kind="members")
    assert refused.status_code == 403 and "account:read" in refused.json()["error"]["message"]
    assert finish(limited, kind="sites")["state"] == "done"
    assert limited.get(f"/api/v1/exports/{of_account['id']}").status_code == 404
    assert [row["kind"] for row in limited.get("/api/v1/exports").json()["results"]] == ["sites"]
    assert ask(build_client("reports:read"), kind="sites").status_code == 403


def test_the_link_works_for_an_hour_and_not_after_the_access_has_ended(
    account: Account, alice: User, bob: User
) -> None:
    carol = Membership.objects.get(user=bob)
    Membership.objects.filter(pk=carol.pk).update(role=Role.ADMIN)
    export = finish(log_in(bob), kind="members")
    with time_machine.travel(timezone.now() + timedelta(minutes=59)):
        assert len(download(export)) == 3
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        assert Client().get(export["url"]).status_code == 404
    assert Client().get(export["url"][:-8] + "x/file").status_code == 404
    User.objects.filter(pk=bob.pk).update(is_active=False)
    assert Client().get(export["url"]).status_code == 404


def test_rights_are_those_of_the_time_when_the_file_is_written(account: Account, bob: User) -> None:
    Membership.objects.filter(user=bob).update(role=Role.ADMIN)
    client = log_in(bob)
    number = ask(client, kind="members").json()["id"]
    Membership.objects.filter(user=bob).update(role=Role.GUEST)
    exports_write(now=timezone.now())
    export = client.get(f"/api/v1/exports/{number}").json()
    assert export["state"] == "failed" and "Only those who manage the account" in export["error"]
    assert export["url"] == "" and Notice.objects.filter(user=bob, kind="export_failed").exists()


def test_a_file_is_not_for_who_lost_the_right_after_it_was_written(account: Account, bob: User) -> None:
    Membership.objects.filter(user=bob).update(role=Role.ADMIN)
    client = log_in(bob)
    export = finish(client, kind="members")
    assert len(download(export)) == 2
    Membership.objects.filter(user=bob).update(role=Role.GUEST)
    assert Client().get(export["url"]).status_code == 404
    assert client.get(f"/api/v1/exports/{export['id']}").json()["url"] == ""
    assert "/file" not in client.get("/exports").content.decode()


def list_downloads() -> list[tuple[str, str, object]]:
    rows = AuditEntry.objects.filter(action="export.downloaded").order_by("pk")
    return [(row.actor_type, row.actor_label, row.changes.get(TIMES, [None, None])[1]) for row in rows]


def test_a_download_is_recorded_of_who_is_logged_in_and_the_many_by_their_number(account: Account, alice: User) -> None:
    client = log_in(alice)
    export = finish(client, kind="members")
    client.head(export["url"])
    client.get(export["url"])
    for _ in range(EXPORTED.maximum * 2 + 1):
        Client().get(export["url"])
    nobody = ("anonymous", "Nobody logged in")
    assert list_downloads() == [
        ("user", "Alice (alice@example.com)", None), *[(*nobody, None)] * EXPORTED.maximum,
        (*nobody, EXPORTED.maximum * 2),
    ]  # fmt: skip


def test_the_end_is_told_and_everything_is_in_the_audit_log(account: Account, alice: User) -> None:
    client = log_in(alice)
    export = finish(client, kind="members")
    download(export)
    assert Notice.objects.get(user=alice, kind="export_ended").values["rows"] == 1
    path = client.get("/exports")
    assert "Members" in read_html(path) and "/file" in path.content.decode()
    client.post(f"/exports/{export['id']}/delete")
    assert list(AuditEntry.objects.filter(target_type="export").order_by("pk").values_list("action", flat=True)) == [
        "export.created", "export.downloaded", "export.deleted",
    ]  # fmt: skip
    assert Client().get(export["url"]).status_code == 404


def test_a_file_is_deleted_with_its_export_and_after_seven_days(
    account: Account, alice: User, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    client = log_in(alice)
    first, second = (finish(client, kind="members") for _ in range(2))
    names = [Export.objects.get(pk=export["id"]).file for export in (first, second)]
    assert all(files.find_file(name) for name in names)
    with django_capture_on_commit_callbacks(execute=True):
        assert client.delete(f"/api/v1/exports/{first['id']}").status_code == 204
    assert files.find_file(names[0]) is None
    created = Export.objects.get().created
    assert exports_clear(now=created + RETENTION) == 0
    assert exports_clear(now=created + RETENTION + timedelta(seconds=1)) == 1
    assert files.find_file(names[1]) is None


def test_a_file_without_an_export_is_deleted(account: Account) -> None:
    written = files.write_csv_file([["a"], [1]], 10)
    exports_clear(now=timezone.now() - timedelta(days=2))
    assert files.find_file(written.name)
    exports_clear(now=timezone.now() + timedelta(days=2))
    assert files.find_file(written.name) is None


def test_an_account_keeps_a_limited_number(account: Account, alice: User) -> None:
    account.limits = {"exports": 1}
    account.save()
    client = log_in(alice)
    assert ask(client, kind="members").status_code == 202
    refused = ask(client, kind="members")
    assert refused.status_code == 400 and "This account may have 1 exports" in refused.json()["error"]["message"]


@pytest.mark.parametrize(("lines", "rows", "is_complete"), [(3, 3, True), (4, 3, False)])
def test_a_table_that_is_too_long_is_cut_and_says_so(lines: int, rows: int, is_complete: bool, db: None) -> None:
    written = files.write_csv_file([["n"], *([n] for n in range(lines))], 3)
    assert (written.rows, written.is_complete) == (rows, is_complete)
    files.delete_file(written.name)


def test_an_outage_of_the_event_store_delays_an_export(
    visited: Site, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise StoreAway("The event store does not answer.")

    client = log_in(alice)
    number = ask(client, kind="hits", site=visited.pk, query=MARCH).json()["id"]
    with monkeypatch.context() as patched:
        patched.setattr(store_client, "client", refuse)
        assert exports_write(now=timezone.now()) == 0
    assert client.get(f"/api/v1/exports/{number}").json()["state"] == "waiting"
    assert exports_write(now=timezone.now()) == 0
    assert exports_write(now=timezone.now() + services.PAUSE * 2) == 1
    assert client.get(f"/api/v1/exports/{number}").json()["rows"] == 4


def test_an_export_whose_worker_died_is_written_again_and_given_up_after_three_times(
    account: Account, alice: User
) -> None:
    client, now = log_in(alice), timezone.now()
    number = ask(client, kind="members").json()["id"]
    Export.objects.update(state="running", started=now, attempts=1)
    assert exports_write(now=now + services.CLAIM / 2) == 0
    assert exports_write(now=now + services.CLAIM * 2) == 1
    Export.objects.update(state="running", started=now, attempts=services.MAX_ATTEMPTS)
    exports_write(now=now + services.CLAIM * 2)
    assert client.get(f"/api/v1/exports/{number}").json()["state"] == "failed"


def test_accounts_take_turns(account: Account, alice: User, charlie: User) -> None:
    for _ in range(3):
        ask(log_in(alice), kind="members")
    last = ask(log_in(charlie), kind="members").json()["id"]
    assert [export.pk for export in services.list_due(timezone.now())].index(last) == 1


def test_every_kind_is_tested() -> None:
    assert set(EXPORT_KINDS) == {"report", "hits", "links", "sites", "members", "audit_log", "usage"}
