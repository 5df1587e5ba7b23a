"""The database enforces the rules of links' data, whoever writes."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Model
from django.utils import timezone

from accounts.models import Account
from links.models import Conversion, Datapoint, Domain, DomainKind, Group, LinkConversion, ListEntry, Script
from links.public_urls import get_system_domain
from links.services.conversions import conversion_create
from links.services.domains import domain_create
from links.services.links import datapoint_create
from links.services.scripts_and_lists import entry_create, script_write

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_links")]


@pytest.fixture
def link(account: Account) -> Datapoint:
    """A link with a conversion and a script; the account also has a domain and an entry of a list."""
    domain_create(account=account, name="go.own.test")
    entry_create(account=account, listing="whitelist", value="example.com")
    return datapoint_create(
        account=account, url="https://example.com/", alias="Sale",
        conversions=[conversion_create(account=account, name="Sale")],
        scripts=[script_write(account=account, name="s", text="var a=1")],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("model", "wrong"),
    [
        (Datapoint, {"kind": 2}), (Datapoint, {"status": -1}), (Datapoint, {"mode": 10}), (Datapoint, {"url": ""}),
        (Datapoint, {"redirect_type": 302}), (Datapoint, {"referrer_clean": 3}), (Datapoint, {"cost": -1}),
        (Datapoint, {"expiration_clicks": -1}), (Conversion, {"protocol": 2}), (Conversion, {"window_days": 0}),
        (Conversion, {"window_days": 91}), (LinkConversion, {"position": 6}), (ListEntry, {"listing": "greylist"}),
        (Script, {"script": ""}), (Domain, {"kind": 4}), (Domain, {"kind": DomainKind.SYSTEM}),
        (Domain, {"account": None}),
    ],
)  # fmt: skip
def test_the_database_rejects_what_no_service_would_write(
    link: Datapoint, model: type[Model], wrong: dict[str, Any]
) -> None:
    rows = model._default_manager.all()
    if model is Domain:
        rows = rows.exclude(account=None)
    assert rows.exists()
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.update(**wrong)


def test_an_alias_is_unique_on_its_domain_in_any_case_also_for_rows_written_in_bulk(
    account: Account, link: Datapoint
) -> None:
    assert Datapoint.objects.get(pk=link.pk).alias_key == "sale"
    again = Datapoint(
        account=account, group=Group.objects.get(), domain=get_system_domain(), alias="SALE", url="https://a.test"
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        Datapoint.objects.bulk_create([again])


def test_the_list_of_links_and_the_task_that_pauses_them_use_their_indexes(account: Account, link: Datapoint) -> None:
    newest = Datapoint.objects.filter(account=account).order_by("-created", "-pk")[:50]
    ended = Datapoint.objects.filter(pause_after_date=True, expiration_date__lte=timezone.now())
    if connection.vendor == "sqlite":
        assert "link_of_account_newest_first" in newest.explain()
        assert "link_to_pause_by_date" in ended.explain()
