"""Every setting that a program sends has an effect, is rejected, or is documented as having no effect."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.models import Account, Membership, Right, User
from accounts.services import grant_set
from links.models import Datapoint, Status
from links.services.guests import guest_create
from tests.support import read_html
from tests.support.clickmeter_client import Program, create_one_of_each, use_account_key, use_own_key
from tests.support.links import Browser, flush_clicks

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_links")]
# Kept and given back, and named on the page of the API: (where it is written and read, member, value)
KEPT: dict[str, tuple[str, Any]] = {
    "isPublic": ("/datapoints/{link}", True), "isSecured": ("/datapoints/{link}", True),
    "goDomainId": ("/datapoints/{link} typeTL", "domain"), "isABTest": ("/datapoints/{link} typeTL", True),
    "parameterNote": ("/datapoints/{pixel} typeTP", "order"), "protocol": ("/conversions/{sale}", 1),
    "language": ("/account/guests/{guest}", "et-EE"), "dateFormat": ("/account/guests/{guest}", "yyyy-MM-dd"),
    "timeFormat": ("/account/guests/{guest}", 1), "timeZone": ("/account/guests/{guest}", 82),
    "decimalSeparator": ("/account/guests/{guest}", ","), "numberGroupSeparator": ("/account/guests/{guest}", " "),
    "userName": ("/account/guests/{guest}", "guest one"), "notes": ("/account/guests/{guest}", "pays late"),
}  # fmt: skip


@pytest.fixture
def world(account: Account, alice: User) -> dict[str, Any]:
    return create_one_of_each(account)


@pytest.mark.parametrize("member", KEPT)
def test_members_without_effect_are_returned_and_documented(member: str, owner: Program, world: dict[str, Any]) -> None:
    place, value = KEPT[member]
    address, _, inside = place.partition(" ")
    for name in ("link", "pixel", "sale", "guest"):
        address = address.replace(f"{{{name}}}", str(world[name].pk))
    value = world["domain"].pk if value == "domain" else value
    owner.post(address, {inside: {member: value}} if inside else {member: value})
    found = owner.get(address)
    assert (found[inside] if inside else found)[member] == value
    page = read_html(Client().get("/docs/clickmeter"))
    assert f"<code>{member}</code>" in page[page.index("Some members are stored") : page.index("To protect a link")]


def test_complete_responses_can_be_sent_back_unchanged(owner: Program, world: dict[str, Any]) -> None:
    for address in (
        f"/datapoints/{world['link'].pk}", f"/datapoints/{world['pixel'].pk}", f"/groups/{world['group'].pk}",
        f"/conversions/{world['sale'].pk}", f"/account/guests/{world['guest'].pk}", f"/domains/{world['domain'].pk}",
        f"/retargeting/{world['script'].pk}", "/account",
    ):  # fmt: skip
        before = owner.get(address)
        owner.post(address, before)
        assert owner.get(address) == before, address


def test_members_that_answers_only_have_are_ignored_in_a_body_whatever_they_are(owner: Program) -> None:
    before = owner.get("/account")
    owner.post("/account", {"registrationDate": "whenever", "boGoVal": 7, "phone": "1"})
    assert owner.get("/account") == before | {"phone": "1"}


def test_members_that_cannot_be_changed_are_rejected_by_name(owner: Program, world: dict[str, Any]) -> None:
    link = f"/datapoints/{world['link'].pk}"
    for address, body, said in (
        (link, {"status": "deleted"}, "Status"), (link, {"typeTL": {"domainId": world["domain"].pk}}, "DomainId"),
        ("/datapoints", {"name": "n", "status": 3, "typeTL": {"url": "https://a.test"}}, "Status"),
        ("/account", {"email": "other@example.com"}, "Email"), ("/account", {"redirectOnly": "true"}, "RedirectOnly"),
        ("/account", {"timeframeMinDate": "20260101000000"}, "TimeframeMinDate"),
        (f"/account/guests/{world['guest'].pk}", {"timeframeMinDate": "yesterday"}, "TimeframeMinDate"),
    ):  # fmt: skip
        assert owner.post(address, body, status=400)["errors"][0]["property"] == said
    assert Datapoint.objects.get(pk=world["link"].pk).status == Status.ACTIVE


def test_the_number_of_links_is_limited_by_the_plan(owner: Program, account: Account) -> None:
    account.limits = {"datapoints": 2}
    account.save()
    for number in range(2):
        owner.post("/datapoints", {"name": f"n{number}", "typeTL": {"url": "https://a.test"}})
    told = owner.post("/datapoints", {"name": "n3", "typeTL": {"url": "https://a.test"}}, status=400)
    assert "This account may have 2 links and pixels" in told["errors"][0]["errorMessage"]
    assert owner.get("/account/plan")["maximumDatapoints"] == owner.get("/account/plan")["usedDatapoints"] == 2
    owner.delete(f"/datapoints/{Datapoint.objects.earliest('pk').pk}")
    assert owner.post("/datapoints", {"name": "n3", "typeTL": {"url": "https://a.test"}})


def invited(account: Account, email: str, options: dict[str, Any] | None = None) -> Membership:
    """A guest who has accepted the invitation."""
    member = guest_create(account=account, email=email, options=options)
    Membership.objects.filter(pk=member.pk).update(accepted=datetime.now(UTC))
    return member


def guest_with(account: Account, world: dict[str, Any], **options: Any) -> tuple[Program, Client]:
    """A guest who reads the world's group, as a program and at the pages."""
    member = invited(account, "narrow@example.org", options)
    grant_set(membership=member, kind="group", object_id=world["group"].pk, right=Right.READ)
    client = Client()
    client.force_login(member.user)
    return use_own_key(member), client


def test_a_guest_sees_no_numbers_from_before_their_minimum_date(account: Account, world: dict[str, Any]) -> None:
    now = datetime.now(UTC)
    Browser(ip="198.51.100.1").open("/l/one", at=now - timedelta(days=5))
    flush_clicks()
    every, _ = guest_with(account, world)
    program, page = guest_with_date(account, world, now - timedelta(days=2))
    for address, member in (("/clickstream?pageSize=100", "rows"), ("/hits?timeframe=last30", "hits")):
        assert (len(every.get(address)[member]), len(program.get(address)[member])) == (2, 1), address
    assert every.get("/aggregated?timeFrame=last30")["totalClicks"] == 2
    assert program.get("/aggregated?timeFrame=last30")["totalClicks"] == 1
    assert b'<td class="number">1</td>' in page.get("/links").content
    report = read_html(page.get(f"/links/{world['link'].pk}"))
    assert "<dt>Clicks</dt><dd>1</dd>" in report
    assert page.get("/links/live").content.count(b">click</span>") == 1


def guest_with_date(account: Account, world: dict[str, Any], since: datetime) -> tuple[Program, Client]:
    member = invited(account, "late@example.org")
    grant_set(membership=member, kind="group", object_id=world["group"].pk, right=Right.READ)
    use_account_key(account).post(f"/account/guests/{member.pk}", {"timeframeMinDate": f"{since:%Y%m%d%H%M%S}"})
    client = Client()
    client.force_login(member.user)
    member.refresh_from_db()
    return use_own_key(member), client


def test_conversions_hidden_from_a_guest_are_hidden_everywhere(account: Account, world: dict[str, Any]) -> None:
    program, page = guest_with(account, world, conversionOptions={"hideCount": True, "hideValue": True})
    assert program.get("/hits?timeframe=last7&filter=conversions")["hits"] == []
    assert program.get("/clickstream?filter=conversions")["rows"] == []
    assert program.get(f"/conversions/{world['sale'].pk}/hits?timeframe=last7")["hits"] == []
    assert program.get("/reports?type=countries&timeframe=last7&hittype=conversions")["data"] == []
    assert not any("conversion1" in row for row in program.get("/clickstream")["rows"])
    assert b">conversion</span>" not in page.get("/links/live").content
    owner = Client()
    owner.force_login(User.objects.get(email="alice@example.com"))
    assert b">conversion</span>" in owner.get("/links/live").content
    assert b'<td class="number soft extra-wide-only"></td>' in page.get("/links").content
    assert b"Converted clicks" not in page.get(f"/links/{world['link'].pk}").content


def test_an_unreadable_minimum_date_hides_all_numbers_from_a_guest(account: Account, world: dict[str, Any]) -> None:
    program, page = guest_with(account, world, timeframeMinDate="soon")
    assert program.get("/clickstream")["rows"] == [] and program.get("/aggregated?timeFrame=last30") == {}
    assert page.get("/links").status_code == page.get("/links/live").status_code == 200


def test_a_guest_sees_their_share_of_commissions_on_pages_too(account: Account, world: dict[str, Any]) -> None:
    _, page = guest_with(account, world, conversionOptions={"percentCommission": 50})
    assert b'data-label="Commission">1.00' in page.get(f"/links/{world['link'].pk}").content.replace(
        "\u00a0".encode(), b""
    )
