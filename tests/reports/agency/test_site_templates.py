"""Templates: what is set up on one site is set up on others, new and existing ones."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from accounts.audit.models import AuditEntry
from accounts.clients.models import ClientAccount, SiteTemplate
from accounts.models import Account, User
from goals.models import Funnel, Goal
from goals.services import funnel_save, goal_create
from reports.agency.services import site_template_apply, site_template_create
from reports.digests.models import DigestSubscription
from reports.digests.services import subscription_save
from sites.alerts.models import Alert, Channel
from sites.alerts.services import alert_save
from sites.models import Site
from sites.services import site_create, site_update
from tests.support import read_html

pytestmark = pytest.mark.django_db


@pytest.fixture
def model(site: Site) -> Site:
    """Alice's site with a goal, a funnel, an alert and settings of privacy."""
    order = goal_create(site=site, name="Order", pattern="/thanks", fixed_revenue=Decimal("9.5"), currency="EUR")
    funnel_save(site=site, name="Shop", steps=[{"page": "/cart"}, {"goal": order.pk}], strict=True)
    for name in ("ops", "own"):
        Channel.objects.create(account=site.account, kind="webhook", name=name, target="https://a.example/")
    channels = Channel.objects.filter(account=site.account)
    alert_save(alert=Alert(site=site, name="Quota", condition="quota"), parameters={"percent": 70}, channels=channels)
    return site_update(site=site, addresses="drop", retention_months=24)


def test_a_site_is_set_up_as_another_one(account: Account, client: ClientAccount, zoo: Site, model: Site) -> None:
    theirs = Channel.objects.create(account=client.account, kind="webhook", name="ops", target="https://z.example/")
    template = site_template_create(agency=account, name="Shops", site=model, digest="week")
    site_template_apply(template=template, sites=[zoo])
    goal = Goal.objects.get(site=zoo)
    assert (goal.name, goal.pattern, goal.fixed_revenue, goal.currency) == ("Order", "/thanks", Decimal("9.5"), "EUR")
    funnel = Funnel.objects.get(site=zoo)
    assert funnel.steps == [{"page": "/cart"}, {"goal": goal.pk}] and funnel.strict
    alert = Alert.objects.get(site=zoo)
    assert alert.parameters == {"percent": 70} and list(alert.channels.all()) == [theirs]
    zoo.refresh_from_db()
    assert (zoo.addresses, zoo.retention_months) == ("drop", 24)
    digest = DigestSubscription.objects.get()
    assert (digest.user.email, digest.frequency, digest.sites) == ("zoe@example.com", "week", [zoo.pk])


def test_a_template_that_is_applied_again_changes_nothing(account: Account, zoo: Site, model: Site) -> None:
    goal_create(site=zoo, name="Order", pattern="/danke")
    template = site_template_create(agency=account, name="Shops", site=model, digest="week")
    for _ in range(2):
        site_template_apply(template=template, sites=[zoo])
    assert Goal.objects.get(site=zoo).pattern == "/danke", "what the site has stays as it is"
    assert zoo.funnels.count() == zoo.alerts.count() == DigestSubscription.objects.count() == 1


def test_privacy_and_digests_are_left_out_on_demand(account: Account, zoo: Site, model: Site) -> None:
    template = site_template_create(agency=account, name="Shops", site=model, privacy=False)
    site_template_apply(template=template, sites=[zoo])
    zoo.refresh_from_db()
    assert (zoo.addresses, zoo.retention_months) == ("truncate", 0) and not DigestSubscription.objects.exists()


def test_who_stopped_a_digest_does_not_get_it_by_a_template(account: Account, zoo: Site, model: Site) -> None:
    zoe = User.objects.get(email="zoe@example.com")
    stopped = subscription_save(user=zoe, frequency="week", sites=[zoo], attach_csv=False)
    DigestSubscription.objects.filter(pk=stopped.pk).update(enabled=False)
    template = site_template_create(agency=account, name="Shops", site=model, digest="week")
    site_template_apply(template=template, sites=[zoo])
    assert not DigestSubscription.objects.get().enabled


def test_all_sites_are_set_up_or_none(account: Account, client: ClientAccount, zoo: Site, model: Site) -> None:
    client.account.limits = {"alerts": 1}
    client.account.save()
    second = site_create(account=client.account, domain="second.example")
    template = site_template_create(agency=account, name="Shops", site=model)
    with pytest.raises(ValidationError, match=r"second\.example: This account may have 1 alerts"):
        site_template_apply(template=template, sites=[zoo, second])
    assert not Goal.objects.filter(site=zoo).exists()


def test_new_sites_are_set_up_by_a_template(
    inside: Client, account: Account, client: ClientAccount, model: Site
) -> None:
    template = site_template_create(agency=account, name="Shops", site=model)
    fields = {"account": client.account_id, "sites": "one.example\ntwo.example", "template": template.pk}
    inside.post("/clients/sites", fields)
    goals = Goal.objects.filter(site__account=client.account).values_list("site__domain", "name")
    assert sorted(goals) == [("one.example", "Order"), ("two.example", "Order")]


def test_pages_create_show_apply_and_delete_a_template(
    inside: Client, account: Account, zoo: Site, model: Site
) -> None:
    answer = inside.post("/clients/templates", {"name": "Shops", "site": model.pk, "privacy": "on", "digest": "month"})
    template = SiteTemplate.objects.get()
    assert answer["Location"] == f"/clients/templates/{template.pk}"
    page = read_html(inside.get(f"/clients/templates/{template.pk}"))
    for words in ("Order", "Shop", "Quota", "Events are kept for 24 months", "Every month, to the owners"):
        assert words in page, words
    inside.post(f"/clients/templates/{template.pk}", {"sites": [zoo.pk]})
    assert Goal.objects.filter(site=zoo).exists()
    entries = AuditEntry.objects.filter(account=account, action="site_template.applied")
    assert [entry.changes["sites"] for entry in entries] == [[None, "zoo.example"]]
    inside.post(f"/clients/templates/{template.pk}/delete")
    assert not SiteTemplate.objects.exists() and Goal.objects.filter(site=zoo).exists()


def test_programs_use_templates(account: Account, zoo: Site, model: Site, charlies_site: Site) -> None:
    def send(path: str, body: object) -> tuple[int, dict[str, object]]:
        headers = {"authorization": f"Bearer {account.authkey}"}
        answer = Client().post(f"/api/v1/{path}", body, "application/json", headers=headers)
        return answer.status_code, answer.json()

    status, created = send("site-templates", {"name": "Shops", "site": model.pk, "privacy": False})
    assert status == 201 and created["content"] == [
        {"part": "Goals", "names": ["Order"]}, {"part": "Funnels", "names": ["Shop"]},
        {"part": "Alerts", "names": ["Quota"]},
    ]  # fmt: skip
    apply = f"site-templates/{created['id']}/apply"
    assert send(apply, {"sites": [zoo.pk, charlies_site.pk]})[0] == 400 and not Goal.objects.filter(site=zoo).exists()
    assert send(apply, {"sites": [2**70]})[0] == 400 and send("site-templates", {"name": "A", "site": 2**70})[0] == 400
    assert send(apply, {"sites": [zoo.pk]}) == (200, {"sites": [zoo.pk]})
    assert Goal.objects.filter(site=zoo).exists() and not Goal.objects.filter(site=charlies_site).exists()
    assert send("site-templates", {"name": "Shops", "site": model.pk})[0] == 400, "the name is taken"
