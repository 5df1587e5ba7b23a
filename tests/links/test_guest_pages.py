"""A guest's pages and links show only what was granted, and nothing else of the account."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import Account, Grant, Membership, Right, Role, User
from accounts.services import grant_set
from links.models import Conversion, Datapoint, Group, Script, Tag
from links.permissions import ALL_LINKS_OPTION, build_link_scope
from links.public_urls import get_system_domain
from links.services.conversions import conversion_create
from links.services.domains import domain_create
from links.services.groups import group_create
from links.services.links import datapoint_create
from links.services.scripts_and_lists import script_write
from tests.support.clickmeter_client import use_own_key
from tests.support.links import Browser, refresh_caches

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_links")]


@pytest.fixture
def hidden(account: Account, alice: User) -> dict[str, Any]:
    """What bob was not given: a group with a link, a conversion, a script and a tag on it."""
    group = group_create(account=account, name="Hidden group", tags=["hidden-tag"])
    sale = conversion_create(account=account, name="Hidden sale")
    script = script_write(account=account, name="Hidden script", text="var hiddenSource=1")
    link = datapoint_create(
        account=account, alias="hidden", title="Hidden link", url="https://hidden.test/", group=group,
        conversions=[sale], scripts=[script], tags=["hidden-tag"],
    )  # fmt: skip
    return {"group": group, "sale": sale, "script": script, "link": link, "tag": Tag.objects.get(name="hidden-tag")}


@pytest.fixture
def mine(account: Account, hidden: dict[str, Any], bob: User) -> dict[str, Any]:
    """What bob was given, with the right to write: a group with a link, a conversion, a script and a tag on it."""
    group = group_create(account=account, name="Bob's group")
    sale = conversion_create(account=account, name="Bob's sale")
    script = script_write(account=account, name="Bob's script", text="var bobs=1")
    link = datapoint_create(
        account=account, alias="bobs", title="Bob's link", url="https://bob.test/", group=group, conversions=[sale],
        scripts=[script], tags=["bobs-tag"],
    )  # fmt: skip
    member = Membership.objects.get(user=bob)
    grant_set(membership=member, kind="group", object_id=group.pk, right=Right.WRITE)
    return {"group": group, "sale": sale, "script": script, "link": link, "member": member}


@pytest.fixture
def page(bob: User, mine: dict[str, Any]) -> Client:
    client = Client()
    client.force_login(bob)
    return client


def fields(mine: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "kind": 0, "domain": get_system_domain().pk, "status": 0, "redirect_type": 301, "mode": 0, "referrer_clean": 0,
        "url": "https://shop.test/", "group": mine["group"].pk, **more,
    }  # fmt: skip


def test_a_guest_cannot_attach_hidden_objects_to_links(
    mine: dict[str, Any], hidden: dict[str, Any], account: Account
) -> None:
    program = use_own_key(mine["member"])
    body = {
        "name": "guestlink", "groupId": mine["group"].pk, "firstConversionId": hidden["sale"].pk,
        "typeTL": {"url": "https://x.test", "scripts": [{"id": hidden["script"].pk}]},
    }  # fmt: skip
    assert "does not exist" in program.post("/datapoints", body, status=400)["errors"][0]["errorMessage"]
    assert not Datapoint.objects.filter(alias="guestlink").exists()
    assert program.get(f"/conversions/{hidden['sale'].pk}", status=404)
    allowed = {**body, "firstConversionId": mine["sale"].pk, "tags": [{"name": "BOBS-TAG"}]}
    allowed["typeTL"] = {"url": "https://x.test", "scripts": [{"id": mine["script"].pk}]}
    made = program.post("/datapoints", allowed)
    link = program.get(f"/datapoints/{made['id']}")
    assert link["firstConversionName"] == "Bob's sale" and [tag["name"] for tag in link["tags"]] == ["bobs-tag"]
    refresh_caches()
    assert b"hiddenSource" not in Browser().open("/l/guestlink").body


def test_a_guest_can_send_back_a_complete_link(mine: dict[str, Any], account: Account) -> None:
    member, link = mine["member"], mine["link"]
    member.grants.all().delete()
    grant_set(membership=member, kind="datapoint", object_id=link.pk, right=Right.WRITE)
    program = use_own_key(member)
    whole = program.get(f"/datapoints/{link.pk}")
    assert program.post(f"/datapoints/{link.pk}", {**whole, "title": "New"})["id"] == link.pk
    assert program.get(f"/datapoints/{link.pk}") == {**whole, "title": "New"}


def test_a_guest_cannot_create_tags_not_even_by_naming_them(mine: dict[str, Any]) -> None:
    program = use_own_key(mine["member"])
    number = mine["link"].pk
    for tags in ([{"name": "brand-new"}], ["hidden-tag"], [{"id": Tag.objects.get(name="hidden-tag").pk}]):
        assert program.post(f"/datapoints/{number}", {"tags": tags}, status=400)["errors"][0] == {
            "property": "Tags", "errorMessage": "Specified tag does not exist.", "code": "0013",
        }  # fmt: skip
        assert program.post(f"/groups/{mine['group'].pk}", {"tags": tags}, status=400)
    assert sorted(Tag.objects.values_list("name", flat=True)) == ["bobs-tag", "hidden-tag"]


def test_a_guest_cannot_move_links_to_a_group_they_can_only_read(mine: dict[str, Any], account: Account) -> None:
    readable = group_create(account=account, name="Readable")
    grant_set(membership=mine["member"], kind="group", object_id=readable.pk, right=Right.READ)
    program = use_own_key(mine["member"])
    body = {"name": "there", "groupId": readable.pk, "typeTL": {"url": "https://x.test"}}
    program.post("/datapoints", body, status=403)
    program.post(f"/groups/{readable.pk}/datapoints", body, status=403)
    program.post(f"/datapoints/{mine['link'].pk}", {"groupId": readable.pk}, status=403)
    program.post(f"/groups/{readable.pk}", {"tags": ["bobs-tag"]}, status=403)
    assert readable.datapoints.count() == readable.tags.count() == 0


PAGES = ("/links", "/links/new", "/links/{link}/edit", "/links/{link}", "/links/groups", "/links/import", "/links/live")


@pytest.mark.parametrize("path", PAGES)
def test_no_page_shows_a_guest_objects_that_were_not_granted(
    path: str, page: Client, mine: dict[str, Any], hidden: dict[str, Any]
) -> None:
    answer = page.get(path.replace("{link}", str(mine["link"].pk)))
    assert answer.status_code == 200
    assert b"idden-tag" not in answer.content and b"Hidden" not in answer.content


@pytest.mark.parametrize("field", ["conversions", "scripts", "group", "domain"])
def test_the_editor_accepts_only_what_it_offers(
    field: str, page: Client, mine: dict[str, Any], hidden: dict[str, Any], charlie: User
) -> None:
    theirs = domain_create(account=charlie.memberships.get().account, name="go.charlie.test")
    number = {"conversions": hidden["sale"], "scripts": hidden["script"], "group": hidden["group"], "domain": theirs}
    for address in ("/links/new", f"/links/{mine['link'].pk}/edit"):
        sent = fields(mine, alias="taken-in", conversions=mine["sale"].pk, scripts=mine["script"].pk)
        answer = page.post(address, {**sent, field: number[field].pk})
        if field != "domain" or address == "/links/new":  # an existing link's domain is not read at all
            assert answer.status_code == 400 and b"Hidden" not in answer.content
    mine["link"].refresh_from_db()
    assert mine["link"].group == mine["group"] and not Datapoint.objects.filter(alias="taken-in").exists()
    assert list(mine["link"].conversions.all()) == [mine["sale"]]
    assert list(mine["link"].scripts.all()) == [mine["script"]]


def test_the_editor_keeps_conversions_scripts_and_tags_that_a_guest_cannot_see(
    page: Client, mine: dict[str, Any]
) -> None:
    sent = fields(mine, conversions=mine["sale"].pk, scripts=mine["script"].pk, tags="bobs-tag", title="Other")
    assert page.post(f"/links/{mine['link'].pk}/edit", sent).status_code == 302
    link = Datapoint.objects.get(pk=mine["link"].pk)
    assert link.title == "Other" and list(link.conversions.all()) == [mine["sale"]]
    assert page.post(f"/links/{link.pk}/edit", {**sent, "tags": "brand-new"}).status_code == 400
    assert page.post(f"/links/{link.pk}/edit", {**sent, "tags": "hidden-tag"}).status_code == 400
    assert sorted(Tag.objects.values_list("name", flat=True)) == ["bobs-tag", "hidden-tag"]


def test_bulk_actions_and_imports_allow_no_more_than_the_editor(
    page: Client, mine: dict[str, Any], hidden: dict[str, Any]
) -> None:
    own, other = mine["link"], hidden["link"]
    for sent in (
        {"action": "tag", "word": "brand-new"}, {"action": "tag", "word": "hidden-tag"},
        {"action": "group", "group": hidden["group"].pk}, {"action": "group", "group": "9" * 40}, {"action": "group"},
    ):  # fmt: skip
        answer = page.post("/links/bulk", {"link": [own.pk, other.pk, "9" * 40], **sent}, follow=True)
        assert answer.status_code == 200 and b"does not exist" in answer.content, sent
    page.post("/links/bulk", {"link": [other.pk], "action": "delete"})
    lines = "alias,url,group,tags\n"
    lines += "in1,https://a.test,Bob's group,hidden-tag\nin2,https://a.test,Hidden group,\nin3,https://a.test,,\n"
    lines += "in4,https://a.test,Bob's group,bobs-tag\n"
    page.post("/links/import", {"file": SimpleUploadedFile("l.csv", lines.encode())})
    assert set(Datapoint.objects.values_list("alias", "status")) == {("bobs", 0), ("hidden", 0), ("in4", 0)}
    assert Group.objects.count() == 2 and Conversion.objects.count() == 2 and Script.objects.count() == 2
    own.refresh_from_db()
    assert own.group == mine["group"] and [tag.name for tag in own.tags.all()] == ["bobs-tag"]


def test_tags_are_searched_only_on_links_that_the_guest_sees(mine: dict[str, Any], hidden: dict[str, Any]) -> None:
    """A tag of his that is on a hidden link, too, does not tell that the link is there."""
    program, tag = use_own_key(mine["member"]), Tag.objects.get(name="bobs-tag")
    hidden["link"].tags.add(tag)
    hidden["group"].tags.add(tag)
    assert program.get(f"/tags?datapoints={hidden['link'].pk}")["entities"] == []
    assert program.get(f"/tags?groups={hidden['group'].pk}")["entities"] == []
    assert program.get("/tags?type=gr")["entities"] == []
    assert program.get(f"/tags/{tag.pk}") == {
        "id": tag.pk, "name": "bobs-tag", "datapoints": [mine["link"].pk], "groups": [],
    }  # fmt: skip
    assert program.get("/datapoints?tags=hidden-tag")["entities"] == []


GRANTS: tuple[dict[str, Right], ...] = (
    {}, {"group": Right.READ}, {"group": Right.WRITE}, {"datapoint": Right.READ}, {"datapoint": Right.WRITE},
    {"group": Right.READ, "datapoint": Right.WRITE}, {"group": Right.WRITE, "datapoint": Right.READ},
)  # fmt: skip


@pytest.mark.parametrize("granted", GRANTS, ids=str)
@pytest.mark.parametrize("role", [*Role.values, "guest of everything"])
def test_permissions_in_sql_and_in_memory_are_the_same(account: Account, role: str, granted: dict[str, Right]) -> None:
    """A member of any role, also one with grants from an earlier role, and rows that the grants name or do not."""
    groups = [group_create(account=account, name=name) for name in ("one", "two")]
    links = [
        datapoint_create(account=account, url="https://example.com/", group=group) for group in groups for _ in "ab"
    ]
    user = User.objects.create(email="someone@example.org")
    options = {ALL_LINKS_OPTION: True} if role == "guest of everything" else {}
    member = Membership.objects.create(user=user, account=account, role=role.split()[0], options=options)
    for kind, right in granted.items():
        named = groups[0] if kind == "group" else links[1]
        Grant.objects.create(membership=member, kind=kind, object_id=named.pk, right=right)
    scope = build_link_scope(member)
    for may in ("view", "edit"):
        fetched = {*scope.groups(may), *scope.datapoints(may)}
        in_memory: set[Group | Datapoint] = {group for group in groups if scope.may_on_group(group.pk, may)}
        in_memory |= {link for link in links if scope.may_on_link(link.pk, link.group_id, may)}
        assert fetched == in_memory
        assert scope.may_anything(may) == bool(fetched)
    rows: list[Group | Datapoint] = [*groups, *links]
    assert {row for row in rows if scope.may_edit(row)} == fetched
