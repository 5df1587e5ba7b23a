"""Nothing is sent to an address before its reader has confirmed it, nor after they stopped it."""

import re

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.mail import simplify_name
from accounts.models import Account, Membership, Purpose, User
from accounts.services import account_brand_set
from sites.alerts.condition_registry import AlertNotification
from sites.alerts.confirmation import CONFIRM_CODE
from sites.alerts.deliveries import deliver_due
from sites.alerts.models import Alert, Channel, Delivery
from sites.alerts.services import alert_notify
from sites.models import Site
from tests.support import read_html, verify_host
from tests.support.types import Response
from tests.values import extract

STRANGER = "stranger@victim.example"
SPAM = "BUY CHEAP PILLS http://spam.example"


def save_channel(
    client: Client, site: Site, target: str = STRANGER, name: str = SPAM, channel: Channel | None = None
) -> str:
    form = {"kind": "email", "name": name, "target": target, "enabled": "on"}
    url = (
        reverse("alerts:channel-edit", args=[site.pk, channel.pk])
        if channel
        else reverse("alerts:channel-new", args=[site.pk])
    )
    return read_html(client.post(url, form, follow=True))


def link_in(letter: EmailMessage, word: str) -> str:
    return extract(rf"http://[^/\s]+(/channels/{word}/\S+)", letter.body)


def fire(site: Site, key: str = "k") -> int:
    alert, _ = Alert.objects.get_or_create(site=site, name="Down", condition="uptime")
    alert.channels.set(Channel.objects.filter(account=site.account))
    queued = alert_notify(
        alert=alert, notifications=[AlertNotification(key, "It is down", "Really.")], now=timezone.now()
    )
    deliver_due(now=timezone.now())
    return queued


def confirm(site: Site) -> Response:
    anybody = Client()
    return anybody.post(link_in(mail.outbox[-1], "confirm"))


def test_an_unconfirmed_address_gets_one_confirmation_mail_and_nothing_else(inside: Client, site: Site) -> None:
    page = save_channel(inside, site)
    assert "Waiting for confirmation" in page and "Send again" in page and "Send a test" not in page
    assert [letter.to for letter in mail.outbox] == [[STRANGER]]
    channel = Channel.objects.get()
    for _ in range(3):
        inside.post(reverse("alerts:channel-test", args=[site.pk, channel.pk]))
    assert fire(site) == 0
    assert len(mail.outbox) == 1 and not Delivery.objects.exists()


def test_the_confirmation_mail_contains_no_text_of_the_account(inside: Client, site: Site, account: Account) -> None:
    Account.objects.filter(pk=account.pk).update(name=f"{SPAM} www.spam.example\r\nBcc: x@spam.example" + "y" * 20)
    save_channel(inside, site)
    [letter] = mail.outbox
    text = f"{letter.subject}\n{letter.body}"
    assert re.findall(r"https?://\S+", text) == [f"http://127.0.0.1:8000{link_in(letter, 'confirm')}"]
    assert "spam.example" not in text and "@" not in text and SPAM not in text
    assert letter.message()["Bcc"] is None


@pytest.mark.parametrize(
    ("name", "displayed"),
    [
        ("Alice & Co", "Alice & Co"), ("a" * 300, "a" * 60), ("http://spam.example/x", "http spam example x"),
        ("win@spam.example\nnow", "win spam example now"), ("//", ""), ("Büro 24 (Süd)", "Büro 24 Süd"),
    ],
)  # fmt: skip
def test_the_account_name_in_the_confirmation_mail_is_plain_text(name: str, displayed: str) -> None:
    assert simplify_name(name) == displayed


def test_the_recipient_confirms_with_one_button(inside: Client, site: Site) -> None:
    save_channel(inside, site)
    path, anybody = link_in(mail.outbox[0], "confirm"), Client(enforce_csrf_checks=True)
    page = read_html(anybody.get(path))
    assert STRANGER in page and Channel.objects.get().confirmed is None, "a look is no consent"
    assert anybody.post(path).status_code == 403, "nor is another site's form"
    token = extract(r'csrfmiddlewaretoken" value="([^"]+)', page)
    assert "Confirmed" in read_html(anybody.post(path, {"csrfmiddlewaretoken": token}))
    assert fire(site) == 1
    assert [letter.subject for letter in mail.outbox[1:]] == ["It is down"]


def test_on_the_host_of_a_white_label_the_link_alone_is_no_consent(
    inside: Client, site: Site, account: Account
) -> None:
    """The account controls the host, so it can read the link; only the recipient has the code."""
    account_brand_set(account=account, host="stats.alice.test", name="Alice Numbers")
    verify_host(account, "stats.alice.test", Purpose.BRAND)
    save_channel(inside, site)
    [letter] = mail.outbox
    path = link_in(letter, "confirm")
    assert f"http://stats.alice.test{path}" in letter.body and letter.from_email == "noreply@127.0.0.1"
    code = extract(r"Enter this code there: (\d{8})", letter.body)
    for host in ("testserver", "stats.alice.test"):
        reader = Client(HTTP_HOST=host)
        assert "Code in the mail" in read_html(reader.get(path))
        for entered in ({}, {"code": "00000000"}, {"code": code[1:]}):
            assert "This is not the code" in read_html(reader.post(path, entered))
    assert Channel.objects.get().confirmed is None
    assert "Confirmed" in read_html(Client().post(path, {"code": f" {code[:4]} {code[4:]} "}))
    assert Channel.objects.get().confirmed is not None


def test_codes_cannot_be_guessed(inside: Client, site: Site, account: Account) -> None:
    account_brand_set(account=account, host="stats.alice.test", name="Alice Numbers")
    verify_host(account, "stats.alice.test", Purpose.BRAND)
    save_channel(inside, site)
    path, code = link_in(mail.outbox[0], "confirm"), extract(r"(\d{8})\n", mail.outbox[0].body)
    for _ in range(CONFIRM_CODE.maximum):
        Client().post(path, {"code": "1"})
    assert "Too many attempts" in read_html(Client().post(path, {"code": code}))
    assert Channel.objects.get().confirmed is None


def test_every_alert_mail_can_be_stopped_and_needs_a_new_confirmation_then(inside: Client, site: Site) -> None:
    save_channel(inside, site)
    confirm(site)
    fire(site)
    letter = mail.outbox[-1]
    stop = link_in(letter, "stop")
    assert letter.extra_headers["List-Unsubscribe"] == f"<http://127.0.0.1:8000{stop}>"
    assert letter.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "Stop these messages?" in read_html(Client().get(stop))
    assert "The messages are stopped" in read_html(
        Client(enforce_csrf_checks=True).post(stop)
    )  # one click: no form of ours
    channel, count = Channel.objects.get(), len(mail.outbox)
    assert not channel.enabled and "stopped the messages" in channel.switched_off
    save_channel(inside, site, channel=channel)
    assert fire(site, "again") == 0
    assert [letter.subject for letter in mail.outbox[count:]] == ["Confirm that this address may get alerts"]


def test_only_addresses_of_the_accounts_own_members_need_no_confirmation(
    inside: Client, site: Site, charlie: User
) -> None:
    save_channel(inside, site, target="Alice@example.com")
    save_channel(inside, site, target="charlie@example.com")
    confirmed = {channel.target: channel.confirmed is not None for channel in Channel.objects.all()}
    assert confirmed == {"Alice@example.com": True, "charlie@example.com": False}


def test_the_address_of_a_placeholder_user_needs_confirmation(inside: Client, site: Site, account: Account) -> None:
    Membership.objects.create(user=User.objects.create_user(STRANGER), account=account, role="viewer")
    save_channel(inside, site)
    assert Channel.objects.get().waits_for_confirmation


def test_a_changed_address_needs_a_new_confirmation(inside: Client, site: Site) -> None:
    save_channel(inside, site)
    old = link_in(mail.outbox[0], "confirm")
    confirm(site)
    save_channel(inside, site, target="other@victim.example", channel=Channel.objects.get())
    assert Channel.objects.get().waits_for_confirmation
    assert Client().post(old).status_code == 404
    assert Channel.objects.get().waits_for_confirmation


def test_a_wrong_or_expired_confirmation_link_does_not_work(
    inside: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_channel(inside, site)
    path = link_in(mail.outbox[0], "confirm")
    assert Client().post(path[:-1] + ("a" if path[-1] != "a" else "b")).status_code == 404
    assert Client().post(path.replace("confirm", "stop")).status_code == 404
    real = timezone.now().timestamp()
    monkeypatch.setattr("django.core.signing.time.time", lambda: real + 8 * 86_400)
    assert Client().post(path).status_code == 404
    assert Channel.objects.get().waits_for_confirmation


def test_confirmation_mails_per_address_and_day_are_limited(
    inside: Client, site: Site, charlie: User, charlies_site: Site
) -> None:
    save_channel(inside, site)
    channel = Channel.objects.get()
    for _ in range(5):
        inside.post(reverse("alerts:channel-ask", args=[site.pk, channel.pk]))
    other = Client()
    other.force_login(charlie)
    page = save_channel(other, charlies_site, target=STRANGER.upper())
    assert "several confirmation mails today" in page
    assert len(mail.outbox) == 3


def test_confirmation_mails_of_an_account_are_limited(inside: Client, site: Site, account: Account) -> None:
    account.limits = {"invitations_per_day": 4}
    account.save()
    for number in range(8):
        page = save_channel(inside, site, target=f"victim{number}@victim.example")
    assert len(mail.outbox) == 4 and "may have 4 addresses confirmed a day" in page


def test_test_messages_are_limited_by_the_account_over_all_its_channels(
    inside: Client, site: Site, account: Account
) -> None:
    account.limits = {"test_messages_per_hour": 3}
    account.save()
    for name in ("one", "two"):
        save_channel(inside, site, target="alice@example.com", name=name)
    for channel in Channel.objects.all():
        for _ in range(3):
            page = read_html(inside.post(reverse("alerts:channel-test", args=[site.pk, channel.pk]), follow=True))
        channel.delete()  # nor does making it anew help
    assert len(mail.outbox) == 3 and "may send 3 test messages an hour" in page


def test_an_unreachable_mail_server_is_reported(inside: Client, site: Site, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    assert "could not be sent" in save_channel(inside, site)
