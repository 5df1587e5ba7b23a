"""Forms of alerts and channels."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from sites.alerts.condition_registry import CONDITIONS
from sites.alerts.models import Alert, Channel
from sites.models import Site


def test_an_invalid_address_is_rejected_with_a_message(client: Client, alice: User, site: Site) -> None:
    client.force_login(alice)
    form = {"kind": "email", "name": "me", "target": "https://nonsense", "enabled": "on"}
    page = client.post(reverse("alerts:channel-new", args=[site.pk]), form).content.decode()
    assert "This is not an e-mail address." in page


def test_a_slack_address_without_https_is_rejected(client: Client, site: Site, alice: User) -> None:
    client.force_login(alice)
    form = {"kind": "slack", "name": "team", "target": "http://hooks.slack.com/services/T0/B0/x", "enabled": "on"}
    page = client.post(reverse("alerts:channel-new", args=[site.pk]), form).content.decode()
    assert "Slack&#x27;s hooks start with https://" in page
    assert not Channel.objects.exists()


@pytest.mark.parametrize("name", sorted(CONDITIONS))
def test_every_condition_has_a_form_that_saves(client: Client, alice: User, site: Site, name: str) -> None:
    client.force_login(alice)
    url = reverse("alerts:new", args=[site.pk, name])
    assert client.get(url).status_code == 200
    values = {f"p_{p.name}": "x" if p.default == "" else p.default for p in CONDITIONS[name].parameters}
    client.post(url, {"name": "Mine", "throttle_minutes": "5", "enabled": "on", **values})
    assert Alert.objects.get().condition == name
