"""Cases of `test_periodic_task_isolation`: the periodic tasks of exports, sign-ups, e-mail domains and notices.

Each makes charlie's row broken and alice's whole, and gives back whether alice's was done.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core import mail

from accounts.exports import services as export_services
from accounts.exports.files import find_file, get_folder
from accounts.exports.models import RETENTION, Export
from accounts.models import Account, User
from accounts.notices.kinds import QUOTA_NEAR
from accounts.notices.models import Notice
from accounts.notices.services import notify
from accounts.services import account_create, sign_ups, sso_domains, user_create
from accounts.services.plans import account_plan_set, plan_create
from accounts.sso.models import SsoConnection, SsoDomain
from reports.usage import billing
from reports.usage import notices as usage_notices
from sites.alerts.billing import describe_account
from sites.alerts.models import Channel, Delivery

NOW = datetime(2026, 3, 9, 6, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def exports(world: Any) -> Callable[[], bool]:
    """Charlie's has a parameter of an older version, and the notice of its failure cannot be written either."""
    for user, parameters in ((world.charlie, {"gone": 1}), (world.alice, {})):
        membership = user.memberships.get()
        Export.objects.create(
            account=membership.account, membership=membership, kind="sites", parameters=parameters, created=NOW
        )

    def broken(*args: Any, account: Account, **more: Any) -> int:
        if account.pk == world.other.account_id:
            raise ValueError("no notice can be written")
        return notify(*args, account=account, **more)

    world.monkeypatch.setattr(export_services, "notify", broken)
    ended = {world.other.account_id: "failed", world.site.account_id: "done"}
    return lambda: dict(Export.objects.values_list("account", "state")) == ended


def old_exports(world: Any) -> Callable[[], bool]:
    """Charlie's row has the name of a file that the operating system refuses to delete."""
    path = get_folder() / "isolation.csv"
    path.write_text("a")
    for site, file in ((world.other, f"{path.name}/x.csv"), (world.site, path.name)):
        Export.objects.create(
            account=site.account, kind="sites", state="done", file=file, created=NOW - RETENTION - DAY
        )
    return lambda: find_file(path.name) is None


def unverified_sign_ups(world: Any) -> Callable[[], bool]:
    for name in ("broken", "whole"):
        user = user_create(email=f"{name}@new.example", password="a long enough password", name=name, is_verified=False)
        account_create(name=name, owner=user)
    User.objects.filter(email__endswith="@new.example").update(created=NOW - 30 * DAY)
    is_empty = sign_ups.is_empty

    def broken(account: Account, owner: User) -> bool:
        if account.name == "broken":
            raise ValueError("nobody knows what is in this account")
        return is_empty(account, owner)

    world.monkeypatch.setattr(sign_ups, "is_empty", broken)
    return lambda: not User.objects.filter(email="whole@new.example").exists()


def e_mail_domains(world: Any) -> Callable[[], bool]:
    """Charlie's domain cannot be looked up at all."""
    for site in (world.other, world.site):
        connection = SsoConnection.objects.create(account=site.account, issuer="https://login.example", client_id="c")
        SsoDomain.objects.create(
            connection=connection, domain=site.domain, verified=NOW - 30 * DAY, checked=NOW - 2 * DAY
        )

    def look_up(domain: str, label: str) -> frozenset[int]:
        if domain == world.other.domain:
            raise UnicodeError("label too long")
        return frozenset({world.site.account_id})

    world.monkeypatch.setattr(sso_domains, "look_up_named_accounts", look_up)
    return lambda: SsoDomain.objects.get(domain=world.site.domain).checked == NOW


def notices_by_mail(world: Any) -> Callable[[], bool]:
    """The values of charlie's notice are not those of a sentence."""
    for user, values in ((world.charlie, ["80"]), (world.alice, {"percent": 80, "quota": "1,000", "what": "links"})):
        account = user.memberships.get().account
        Notice.objects.create(
            user=user, account=account, kind=QUOTA_NEAR.name, key="a", values=values, created=NOW, mail_due=NOW
        )
    return lambda: [letter.to for letter in mail.outbox] == [["alice@example.com"]]


def full_plans(world: Any) -> Callable[[], bool]:
    """No notice can be written to charlie's account."""
    give_plans(world, {"sites": 1})

    def broken(*args: Any, account: Account, **more: Any) -> int:
        if account.pk == world.other.account_id:
            raise ValueError("no notice can be written")
        return notify(*args, account=account, **more)

    world.monkeypatch.setattr(usage_notices, "notify", broken)
    return lambda: Notice.objects.filter(user=world.alice, kind="quota_used").exists()


def usage_for_billing(world: Any) -> Callable[[], bool]:
    """What charlie's account used cannot be described."""
    webhook = Channel.objects.create(kind="webhook", name="Invoices", target="https://a.example/")
    Channel.objects.filter(pk=webhook.pk).update(created=NOW - DAY)
    give_plans(world, {})
    Delivery.objects.all().delete()
    describe = describe_account

    def broken(account: Account) -> dict[str, object]:
        if account.pk == world.other.account_id:
            raise ValueError("this account cannot be described")
        return describe(account)

    world.monkeypatch.setattr(billing, "describe_account", broken)
    return lambda: Delivery.objects.filter(payload__account__id=world.site.account_id).exists()


def give_plans(world: Any, limits: dict[str, int | None]) -> None:
    """Both accounts have a plan."""
    plan = plan_create(name="Pro", limits=limits)
    for site in (world.other, world.site):
        account_plan_set(account=site.account, plan=plan)


CASES: dict[str, Callable[[Any], Callable[[], bool]]] = {
    "exports": exports,
    "old exports": old_exports,
    "unverified sign-ups": unverified_sign_ups,
    "e-mail domains": e_mail_domains,
    "notices by mail": notices_by_mail,
    "full plans": full_plans,
    "usage for billing": usage_for_billing,
}
