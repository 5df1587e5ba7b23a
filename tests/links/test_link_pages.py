"""Pages of links: what they show, to whom, and that text of strangers is escaped."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import AsyncClient, Client

from accounts.models import Account, Grant, Membership, Right, Role, User
from links.models import Datapoint, Group, Mode, Status
from links.public_urls import get_system_domain
from links.services.conversions import conversion_create
from links.services.links import datapoint_create
from sites.models import Site
from sites.services import site_create
from tests.support import read_html
from tests.support.links import Browser, create_link, flush_clicks, refresh_caches

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_links")]


@pytest.fixture
def link(account: Account) -> Datapoint:
    made = datapoint_create(
        account=account, alias="offer", title="The <b>offer</b>", url="https://shop.test/", tags=["red"]
    )
    refresh_caches()
    return made


@pytest.fixture
def page(alice: User) -> Client:
    client = Client()
    client.force_login(alice)
    return client


PAGES = (
    "/links", "/links/new", "/links/import", "/links/live", "/links/groups", "/links/tags", "/links/conversions",
    "/links/domains", "/links/scripts", "/links/lists", "/links/guests", "/links/toolbox", "/links/export.csv",
    "/links/{link}", "/links/{link}/edit", "/links/{link}?period=today", "/links/{link}?period=nonsense",
)  # fmt: skip
MANAGED = {"/links/tags", "/links/conversions", "/links/domains", "/links/scripts", "/links/lists", "/links/guests"}


@pytest.mark.parametrize("path", PAGES)
def test_every_page_answers_its_owner_and_no_stranger(path: str, page: Client, link: Datapoint, charlie: User) -> None:
    Browser().open("/l/offer", referer="https://<script>.test/")
    flush_clicks()
    path = path.replace("{link}", str(link.pk))
    answer = page.get(path)
    assert answer.status_code == 200 and b"<b>offer" not in (b"" if "csv" in path else answer.content)
    stranger = Client()
    assert stranger.get(path).status_code == 302
    stranger.force_login(charlie)
    if str(link.pk) in path:
        assert stranger.get(path).status_code == 404
    else:
        assert b"offer" not in b"".join(stranger.get(path)).replace(b"/offer", b"") or "toolbox" in path


def test_a_guest_sees_and_changes_only_what_was_granted(link: Datapoint, account: Account, bob: User) -> None:
    secret = datapoint_create(account=account, alias="secret", url="https://x.test/")
    client = Client()
    client.force_login(bob)
    assert client.get("/links").status_code == 404
    grant = Grant.objects.create(
        membership=Membership.objects.get(user=bob), kind="datapoint", object_id=link.pk, right=Right.READ
    )
    assert b"/l/offer" in client.get("/links").content and b"secret" not in client.get("/links").content
    assert client.get(f"/links/{link.pk}").status_code == 200
    assert client.get(f"/links/{secret.pk}").status_code == 404
    assert client.get(f"/links/{link.pk}/edit").status_code == 404
    assert {client.get(path).status_code for path in MANAGED} == {404}
    grant.right = Right.WRITE
    grant.save()
    assert client.get(f"/links/{link.pk}/edit").status_code == 200
    assert client.post("/links/new", form(account, url="https://y.test/")).status_code == 400


def form(account: Account, **fields: Any) -> dict[str, Any]:
    from links.public_urls import get_system_domain

    return {
        "kind": 0, "domain": get_system_domain().pk, "status": 0, "redirect_type": 301, "mode": 0, "referrer_clean": 0,
        "url": "https://shop.test/", **fields,
    }  # fmt: skip


def test_the_editor_creates_a_link_with_rules_and_previews_its_redirects(page: Client, account: Account) -> None:
    sent = form(account, alias="world", mode=int(Mode.NATION), nations="EE https://ee.test/\nde de.test", tags="a, b")
    answer = page.post("/links/new", sent, follow=True)
    link = Datapoint.objects.get(alias="world")
    assert link.rules == {"nations": [["EE", "https://ee.test/"], ["DE", "http://de.test"]]}
    assert sorted(link.tags.values_list("name", flat=True)) == ["a", "b"]
    assert b"https://ee.test/" in answer.content and b"A phone in Estonia" in answer.content
    again = page.post(f"/links/{link.pk}/edit", {**sent, "alias": "other", "title": "T", "url": "https://new.test/"})
    link.refresh_from_db()
    assert again.status_code == 302 and (link.alias, link.title, link.url) == ("world", "T", "https://new.test/")


def test_an_error_is_shown_beside_its_field(page: Client, account: Account, link: Datapoint) -> None:
    answer = page.post("/links/new", form(account, url="javascript:alert(1)"))
    assert answer.status_code == 400 and b"begins with http" in answer.content
    answer = page.post("/links/new", form(account, alias="offer"))
    assert b"is used on" in answer.content


def test_many_links_can_be_changed_at_once(page: Client, account: Account, link: Datapoint) -> None:
    other = datapoint_create(account=account, alias="two", url="https://x.test/")
    both = [link.pk, other.pk]
    page.post("/links/bulk", {"link": both, "action": "paused"})
    assert set(Datapoint.objects.values_list("status", flat=True)) == {Status.PAUSED}
    page.post("/links/bulk", {"link": both, "action": "tag", "word": "blue"})
    assert sorted(link.tags.values_list("name", flat=True)) == ["blue", "red"]
    group = Group.objects.create(account=account, name="Spring")
    page.post("/links/bulk", {"link": both, "action": "group", "group": group.pk})
    assert group.datapoints.count() == 2
    page.post("/links/bulk", {"link": both, "action": "delete"})
    assert set(Datapoint.objects.values_list("status", flat=True)) == {Status.DELETED}


def test_links_are_exported_and_imported_as_csv(page: Client, account: Account, link: Datapoint) -> None:
    datapoint_create(account=account, alias="evil", title="=1+1", url="https://x.test/")
    text = b"".join(page.get("/links/export.csv")).decode()
    assert text.startswith("\ufeffalias,")  # Excel needs the byte order mark to read letters beyond ASCII
    assert "'=1+1" in text and "https://shop.test/" in text
    lines = 'alias,url,group,tags\nin1,https://a.test,Autumn,"x,y"\noffer,https://b.test,,\n,javascript:x,,\n'
    answer = page.post("/links/import", {"file": SimpleUploadedFile("l.csv", lines.encode())})
    assert b"1 links were imported" in answer.content and b"Line 3" in answer.content and b"Line 4" in answer.content
    made = Datapoint.objects.get(alias="in1")
    assert made.group.name == "Autumn" and made.tags.count() == 2


def exported(user: User, address: str) -> list[bytes]:
    """The parts of the file, as the server sends them one after the other."""

    async def read() -> list[bytes]:
        client = AsyncClient()
        await client.aforce_login(user)
        answer: Any = await client.get(address)
        return [part async for part in answer.streaming_content]

    return async_to_sync(read)()


def test_all_links_are_exported_however_many_there_are(alice: User, account: Account, link: Datapoint) -> None:
    rows = [
        Datapoint(
            account=account, group=link.group, domain=link.domain, alias=f"many{number}",
            url="https://x.test/",
        )
        for number in range(2500)
    ]  # fmt: skip
    Datapoint.objects.bulk_create(rows)
    refresh_caches()
    Browser().open("/l/many2499")
    flush_clicks()
    parts = exported(alice, "/links/export.csv?q=many")
    lines = list(csv.DictReader(io.StringIO(b"".join(parts).decode("utf-8-sig"))))
    assert len(parts) == 4, "the head, and a part of a thousand at a time"
    assert len(lines) == 2500 == len({line["alias"] for line in lines})
    assert [line["clicks"] for line in lines if line["clicks"] != "0"] == ["1"] and lines[0]["alias"] == "many2499"


FILES = {
    "too many lines": ("url\n" + "https://a.test\n" * 30, b"At most 20 lines at once"),
    "no CSV": ("url\nhttps://a.test\n" + "x" * 200_000 + "\n", b"From this line on this is not CSV"),
    "too large": (
        "url,title\n" + "y" * 6_000_000,
        b"A file may have at most 5 MB. Split it into several. Nothing was imported.",
    ),
    "a line that is refused": ("url,group\njavascript:x,Fresh\n", b"Line 2"),
}


@pytest.mark.parametrize("what", FILES)
def test_a_file_that_is_not_a_list_of_links_is_rejected(
    what: str, page: Client, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("links.web.csv_files.MAX_IMPORT_LINES", 20)
    lines, said = FILES[what]
    answer = page.post("/links/import", {"file": SimpleUploadedFile("l.csv", lines.encode())})
    assert answer.status_code == 200 and said in answer.content
    assert not Group.objects.filter(name="Fresh").exists()


def test_a_conversion_shows_its_code_and_a_guest_gets_rights(page: Client, account: Account, link: Datapoint) -> None:
    sale = conversion_create(account=account, name="Sale", value="7.50")
    code = page.get(f"/links/conversions/{sale.pk}").content.decode()
    assert code.count(sale.code) == 4 and "/js/conversion.js" in code and "7.50" in code
    page.post("/links/guests", {"email": "new@example.org", "name": "New"})
    guest = Membership.objects.get(user__email="new@example.org")
    page.post("/links/guests", {f"{guest.pk}-datapoint-{link.pk}": "write"})
    assert Grant.objects.get(membership=guest).right == Right.WRITE
    page.post("/links/guests", {"options": guest.pk, "hitOptions-hideReferrer": "on"})
    guest.refresh_from_db()
    assert guest.options["hitOptions"] == {"hideReferrer": True}
    page.post("/links/guests", {"remove": guest.pk})
    assert not Membership.objects.filter(pk=guest.pk).exists()


def test_the_report_counts_people_robots_and_sales(page: Client, account: Account) -> None:
    sale = conversion_create(account=account, name="Sale", value="7.50")
    link = datapoint_create(
        account=account, alias="sold", url="https://shop.test/?s=[s2sidentifier]", conversions=[sale]
    )
    refresh_caches()
    word = Browser().open("/l/sold").location.partition("=")[2]
    Browser(agent="Googlebot/2.1").open("/l/sold")
    Browser().open(f"/s2s?clickId={word}&id={sale.code}")
    flush_clicks()
    text = read_html(page.get(f"/links/{link.pk}"))
    assert "<dt>Clicks</dt><dd>1</dd>" in text and "Robots and previews</dt><dd>1</dd>" in text and "7.5" in text


@pytest.mark.asyncio
async def test_the_live_stream_shows_only_clicks_of_the_account() -> None:
    from links.permissions import LinkScope
    from links.web.live_clicks import is_visible

    whole = LinkScope(membership=Membership(role=Role.OWNER), sees_all=True, edits_all=True, can_manage=True)
    some = LinkScope(
        membership=Membership(role=Role.GUEST), sees_all=False, edits_all=False, can_manage=False,
        group_rights={3: "read"}, link_rights={7: "read"},
    )  # fmt: skip
    assert is_visible(whole, {"kind": "link", "link_id": 9})
    assert is_visible(some, {"kind": "link", "link_id": 7}) and is_visible(
        some, {"kind": "spider", "link_id": 1, "group_id": 3}
    )
    assert not is_visible(some, {"kind": "link", "link_id": 9, "group_id": 1}) and not is_visible(
        whole, {"kind": "view"}
    )


def test_links_are_those_of_the_account_whose_site_was_opened_last(client: Client, alice: User, site: Site) -> None:
    other = Account.objects.create(name="A first one")
    Membership.objects.create(user=alice, account=other, role=Role.OWNER)
    create_link(site.account, "ours")
    create_link(other, "theirs", url="https://elsewhere.test/")
    client.force_login(alice)
    assert b"/l/ours" in client.get("/links").content, "her own first account, whatever the other is called"
    assert client.get(f"/sites/{site_create(account=other, domain='a.example').pk}/").status_code == 200
    assert b"/l/theirs" in client.get("/links").content
    assert client.get(f"/sites/{site.pk}/").status_code == 200
    assert b"/l/ours" in client.get("/links").content and b"/l/theirs" not in client.get("/links").content


@pytest.mark.parametrize("field", ["starts", "expiration_date"])
@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Denver"])
def test_an_impossible_time_is_rejected(page: Client, account: Account, field: str, zone: str) -> None:
    account.timezone = zone
    account.save()
    for moment in ("0001-01-01T00:00", "9999-12-31T23:59", "1970-12-31T00:00", "2099-06-01T00:00"):
        form = {"kind": 0, "url": "https://a.test", "mode": 0, "status": 0, "redirect_type": 301, "referrer_clean": 0,
                "domain": get_system_domain().pk, field: moment}  # fmt: skip
        answer = page.post("/links/new", form)
        assert answer.status_code == 400 and b"between the years 1971 and 2098" in answer.content, moment
    form["expiration_clicks"] = 10**30
    assert page.post("/links/new", {**form, field: "2026-06-01T00:00"}).status_code == 400
    assert not Datapoint.objects.exists()
