"""Links in CSV files: an export can be imported unchanged, with its domains."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.hashers import check_password
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import Account, Purpose, User
from links.models import Datapoint, Domain, Mode, Status
from links.services.conversions import conversion_create
from links.services.domains import domain_create
from links.services.groups import group_create
from links.services.links import datapoint_create
from links.services.scripts_and_lists import script_write
from links.web.csv_columns import COLUMNS
from tests.support import verify_host
from tests.support.links import Browser, refresh_caches

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_links")]
HOST = "mv.brand.example"


@pytest.fixture
def page(account: Account, alice: User) -> Client:
    client = Client()
    client.force_login(alice)
    return client


@pytest.fixture
def domain(account: Account) -> Domain:
    made = domain_create(account=account, name=HOST)
    verify_host(account, HOST, Purpose.LINKS)
    return made


def imported(page: Client, text: str) -> str:
    """The page after an import; empty where all lines were made."""
    answer = page.post("/links/import", {"file": SimpleUploadedFile("l.csv", text.encode())})
    return "" if answer.status_code == 302 else answer.content.decode()


def exported(page: Client) -> str:
    return b"".join(page.get("/links/export.csv")).decode()


def test_a_link_is_created_on_the_domain_of_its_line(page: Client, domain: Domain) -> None:
    assert not imported(page, f"alias,url,domain\nold1,https://shop.test/a,{HOST.upper()}\nold2,https://shop.test/b,\n")
    refresh_caches()
    assert Browser().open("/old1", host=HOST).location == "https://shop.test/a"
    assert Browser().open("/old2", host=HOST).status == 404
    assert Browser().open("/l/old2").location == "https://shop.test/b"


def test_a_domain_of_another_account_is_rejected(page: Client, charlie: User) -> None:
    domain_create(account=Account.objects.get(memberships__user=charlie), name="charlie.example")
    for name in ("charlie.example", "9nl.es", "nonsense"):
        assert "not one of your link domains" in imported(page, f"alias,url,domain\nold,https://shop.test,{name}\n")
    assert not Datapoint.objects.exists()


def everything(account: Account, domain: Domain) -> Datapoint:
    """A link with something in every column."""
    lead = conversion_create(account=account, name="Lead")
    script = script_write(account=account, name="Pixel", text="a()")
    return datapoint_create(
        account=account,
        domain=domain,
        alias="-all",
        title="=1+1",
        url="https://shop.test/?a={x}&b=1,2",
        group=group_create(account=account, name="Spring"),
        tags=["red", "blue"],
        status=Status.PAUSED,
        redirect_type=307,
        mode=Mode.WEIGHTED,
        first_url="https://first.test/",
        rules={"weighted": [["https://a.test/", 70], ["https://b.test/", 30]], "utm": {"utm_source": "letter, one"}},
        append_query=True,
        hide_url=True,
        hide_url_title="Shop",
        encode_url=True,
        referrer_clean=2,
        starts=datetime(2026, 1, 1, tzinfo=UTC),
        expiration_date=datetime(2027, 1, 1, 12, 30, tzinfo=UTC),
        url_after_date="https://late.test/",
        expiration_clicks=100,
        url_after_clicks="https://full.test/",
        pause_after_date=True,
        pause_after_clicks=True,
        encode_ip=True,
        light_tracking=True,
        redirect_only=True,
        cost="0.25",
        conversions=[lead],
        scripts=[script],
        favourite=True,
        notes="Two\nlines",
        password="s3cret",
    )


FIELDS = tuple(
    one.field for one in COLUMNS if one.field not in ("", "tags", "conversions", "scripts", "password", "domain")
)


def values(row: Datapoint) -> dict[str, Any]:
    return {
        **{name: getattr(row, name) for name in FIELDS}, "group": row.group.name, "domain": row.domain.name,
        "tags": {tag.name for tag in row.tags.all()}, "scripts": [one.name for one in row.scripts.all()],
        "conversions": [one.conversion.name for one in row.attached.all()],
    }  # fmt: skip


def test_every_exported_column_can_be_imported(page: Client, account: Account, domain: Domain) -> None:
    link = everything(account, domain)
    pixel = datapoint_create(account=account, kind=1, title="Opened")
    link.refresh_from_db()
    before, text = values(link), exported(page)
    rows = {row["title"]: row for row in csv.DictReader(io.StringIO(text))}
    assert {name for name, cell in rows["'=1+1"].items() if not cell} == {"password"}
    assert "s3cret" not in text
    Datapoint.objects.all().delete()
    assert "This link has a password" in imported(page, text)
    made = Datapoint.objects.get()
    assert (made.kind, made.title) == (1, pixel.title)
    made.delete()
    rows["'=1+1"]["password"] = "n3w"
    out = io.StringIO()
    writer = csv.DictWriter(out, rows["'=1+1"].keys())
    writer.writeheader()
    writer.writerows(rows.values())
    assert not imported(page, out.getvalue())
    made = Datapoint.objects.get(kind=0)
    assert values(made) == before and check_password("n3w", made.password)


@pytest.mark.parametrize(
    ("column", "cell", "sentence"),
    [
        ("status", "deleted", "status is one of active, paused, blocked"),
        ("redirect_type", "302", "redirect_type is one of permanent, temporary"),
        ("mode", "magic", "mode is one of simple"),
        ("rules", "[1]", "rules is a JSON object"),
        ("expiration_date", "tomorrow", "expiration_date is a time such as"),
        ("expiration_date", "9999-12-31T23:59:59-05:00", "expiration_date is a time such as"),
        ("starts", "9999-12-31T23:59:59", "A time lies between the years 1971 and 2098"),
        ("starts", "0001-01-01T00:00:00+05:00", "starts is a time such as"),
        ("expiration_clicks", "9" * 30, "This number is too large"),
        ("expiration_clicks", "9" * 5000, "This must be an integer"),
        ("rules", '{""zone"": ""\\ud800""}', "rules is a JSON object"),
        ("rules", '{""zone"": ""a\\u0000""}', "is not a time zone; use a name such as Europe/Tallinn"),
        ("rules", '{""languages"": [[]]}', "is not a language code"),
        ("rules", '{""devices"": [5]}', "is not a device; use one of Desktop"),
        (
            "rules",
            '{""weighted"": [[""https://a.test"", 1e300]]}',
            "A weight must be a whole number",
        ),
        ("rules", '{""schedule"": [{""days"": 5, ""url"": ""https://a.test""}]}', "Write times such as 09:00"),
        ("rules", '{""schedule"": [{""days"": [""²""], ""url"": ""https://a.test""}]}', "Write times such as 09:00"),
        ("rules", "[" * 100_000, "rules is a JSON object"),
        ("append_query", "perhaps", "append_query is yes or no"),
        ("conversions", "Nothing", "The conversion “Nothing” does not exist"),
        ("expiration_clicks", "many", "This must be an integer"),
        ("cost", "1e99", "This amount is too large"),
        ("cost", "-1", "This cannot be negative"),
    ],
)
def test_an_invalid_cell_is_reported_with_its_line(page: Client, column: str, cell: str, sentence: str) -> None:
    said = imported(page, f'url,{column}\nhttps://shop.test,"{cell}"\n')
    assert "Line 2" in said and sentence in said
    assert not Datapoint.objects.exists()


def test_names_of_conversions_may_have_commas(page: Client, account: Account) -> None:
    for name in ("Sale, big", "Lead"):
        conversion_create(account=account, name=name)
    assert not imported(page, 'url,alias,conversions\nhttps://a.test,a,"sale, big"\nhttps://a.test,b,"Lead"\n')
    names = {row.alias: [one.conversion.name for one in row.attached.all()] for row in Datapoint.objects.all()}
    assert names == {"a": ["Sale, big"], "b": ["Lead"]}
