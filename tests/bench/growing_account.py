"""An account with any number of rows of everything that an API lists, for `tests.bench.lists`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

EMAIL, PASSWORD = "bench@example.com", "a bench needs no secret"
FIRST_SITE = 200_000_000
MAX_GOALS = 200  # of the site: the event store refuses a statement about a thousand, which is too long
UNLIMITED = dict.fromkeys(("clickport_per_minute", "clicky_per_minute", "management_per_minute"), 0)


class GrowingAccount:
    """An account that grows, with one site that has traffic."""

    def __init__(self) -> None:
        from django.core.management import call_command

        from accounts.models import Account, Membership, Role, User
        from links.models import Conversion, Script, Tag
        from links.services.groups import group_create
        from links.services.links import choose_domain
        from sites.services import api_key_create, site_create
        from tracking import store

        call_command("migrate", verbosity=0)
        store.migrate()
        self.size = 0
        self.account = Account.objects.create(name="Bench", limits=UNLIMITED)
        user = User.objects.create_user(EMAIL, PASSWORD, is_operator=True)
        Membership.objects.create(user=user, account=self.account, role=Role.OWNER)
        self.user, self.site = user, site_create(account=self.account, domain="example.com")
        self.goals_site = site_create(account=self.account, domain="goals.example.com")  # has no reports
        self.api_key = api_key_create(site=self.site, name="bench")[1]
        self.group, self.domain = group_create(account=self.account, name="All"), choose_domain(self.account, None)
        self.tag = Tag.objects.create(account=self.account, name="all")
        self.sale = Conversion.objects.create(account=self.account, name="Sale")
        self.script = Script.objects.create(account=self.account, name="all", script="var a=1")
        guest = User.objects.create_user("guest@example.com")
        self.guest = Membership.objects.create(user=guest, account=self.account, role=Role.GUEST)

    def grow(self, size: int) -> None:
        """Have so many rows of everything."""
        from links.routing import link_cache
        from sites import site_cache

        numbers = range(self.size, size)
        self.create_site_rows(numbers)
        self.create_settings(numbers)
        self.create_alerts(numbers)
        self.create_members(numbers)
        self.create_invitations(numbers)
        self.create_notices(numbers)
        self.create_installation(numbers)
        self.create_links(numbers)
        self.record_traffic(numbers)
        self.size = size
        site_cache.refresh()
        link_cache.refresh()

    def create_site_rows(self, numbers: range) -> None:
        from django.utils import timezone

        from goals.models import Goal
        from sites.models import ApiKey, Site
        from sites.uptime.models import Incident, Monitor, WatchedPeriod

        now, site = timezone.now(), self.site
        Site.objects.bulk_create(
            Site(pk=FIRST_SITE + n, account=self.account, domain=f"s{n}.example.com") for n in numbers
        )
        ApiKey.objects.bulk_create(ApiKey(site=site, name=f"k{n}", prefix=f"ck_{n}", hash=f"{n}") for n in numbers)
        Goal.objects.bulk_create(Goal(site=site, name=f"v{n}", pattern=f"/v{n}") for n in numbers if n < MAX_GOALS)
        Goal.objects.bulk_create(Goal(site=self.goals_site, name=f"v{n}", pattern=f"/v{n}") for n in numbers)
        monitors = Monitor.objects.bulk_create(
            Monitor(site=site, url=f"https://{n}.example.com/", next_due=now) for n in numbers
        )
        hour = timedelta(hours=1)
        Incident.objects.bulk_create(Incident(monitor=one, start=now - 2 * hour, end=now - hour) for one in monitors)
        WatchedPeriod.objects.bulk_create(WatchedPeriod(monitor=one, start=now - 3 * hour, end=now) for one in monitors)

    def create_settings(self, numbers: range) -> None:
        from django.utils import timezone

        from goals.models import Funnel, Segment
        from reports.annotations.models import Note
        from reports.digests.models import DigestSubscription
        from reports.sharing.models import Share

        site, user, now = self.site, self.user, timezone.now()
        steps, where = [{"page": "/a"}, {"page": "/b"}], [{"dimension": "country", "operator": "is", "value": ["EE"]}]
        Funnel.objects.bulk_create(Funnel(site=site, name=f"f{n}", steps=steps) for n in numbers)
        Segment.objects.bulk_create(Segment(site=site, name=f"s{n}", filter=where, owner=user) for n in numbers)
        Note.objects.bulk_create(Note(site=site, at=now, text=f"n{n}", created_by=user) for n in numbers)
        Share.objects.bulk_create(
            Share(site=site, name=f"s{n}", token=f"t{n}", token_hash=f"{n}", created_by=user) for n in numbers
        )
        DigestSubscription.objects.bulk_create(DigestSubscription(user=user, sites=[site.pk]) for _ in numbers)

    def create_alerts(self, numbers: range) -> None:
        from sites.alerts.models import Alert, Channel, ChannelKind

        channels = Channel.objects.bulk_create(
            Channel(account=self.account, kind=ChannelKind.WEBHOOK, name=f"c{n}", target=f"https://c{n}.bench.test/")
            for n in numbers
        )
        alerts = Alert.objects.bulk_create(Alert(site=self.site, name=f"a{n}", condition="uptime") for n in numbers)
        through = Alert.channels.through
        through.objects.bulk_create(
            through(alert=alert, channel=channel) for alert, channel in zip(alerts, channels, strict=True)
        )

    def create_invitations(self, numbers: range) -> None:
        from django.utils import timezone

        from accounts.audit.models import ActorType, AuditEntry, Via
        from accounts.models import Invitation, Membership, Role, User
        from accounts.models.accounts import compute_link_end

        account, user = self.account, self.user
        expires = compute_link_end()
        Invitation.objects.bulk_create(
            Invitation(account=account, email=f"i{n}@example.com", token_hash=f"{n}", invited_by=user, expires=expires)
            for n in numbers
        )
        users = User.objects.bulk_create(User(email=f"p{n}@example.com", name=f"P{n}") for n in numbers)
        Membership.objects.bulk_create(
            Membership(user=one, account=account, role=Role.GUEST, accepted=None) for one in users
        )
        AuditEntry.objects.bulk_create(
            AuditEntry(account=account, at=timezone.now(), action="invitation.created", actor_type=ActorType.USER,
                       actor_id=user.pk, actor_label=EMAIL, via=Via.WEB, target_type="invitation", target_id=str(n),
                       target_label=f"i{n}@example.com", changes={"role": [None, Role.VIEWER]})
            for n in numbers
        )  # fmt: skip

    def create_notices(self, numbers: range) -> None:
        from django.utils import timezone

        from accounts.exports.models import Export
        from accounts.notices.models import Notice
        from accounts.sso.models import SsoConnection, SsoDomain

        account, now = self.account, timezone.now()
        connection, _ = SsoConnection.objects.get_or_create(account=account, issuer="https://login.bench.test")
        SsoDomain.objects.bulk_create(SsoDomain(connection=connection, domain=f"d{n}.bench.test") for n in numbers)
        membership = account.memberships.get(user=self.user)
        Export.objects.bulk_create(
            Export(account=account, membership=membership, kind="sites", state="done", file=f"{n}", created=now,
                   finished=now)
            for n in numbers
        )  # fmt: skip
        Notice.objects.bulk_create(
            Notice(user=self.user, account=account, kind="quota_used", key=f"{n}", values={"quota": n}, created=now)
            for n in numbers
        )

    def create_installation(self, numbers: range) -> None:
        from django.utils import timezone

        from accounts.models import Account
        from accounts.plans.models import Plan
        from sites.alerts.models import Channel, ChannelKind, Delivery

        now = timezone.now()
        plans = Plan.objects.bulk_create(Plan(name=f"p{n}") for n in numbers)
        Account.objects.bulk_create(Account(name=f"a{plan.pk}", plan=plan) for plan in plans)
        webhooks = Channel.objects.bulk_create(
            Channel(kind=ChannelKind.WEBHOOK, name=f"w{n}", target=f"https://w{n}.bench.test/", enabled=False)
            for n in numbers
        )
        Delivery.objects.bulk_create(Delivery(channel=one, key="k", subject="s", next_try=now) for one in webhooks)

    def create_members(self, numbers: range) -> None:
        from django.utils import timezone

        from accounts.models import ExposedKey, Grant, Membership, Right, Role, User

        account, pk = self.account, self.site.pk
        users = User.objects.bulk_create(User(email=f"m{n}@example.com", name=f"M{n}") for n in numbers)
        members = Membership.objects.bulk_create(Membership(user=u, account=account, role=Role.GUEST) for u in users)
        Grant.objects.bulk_create(Grant(membership=one, kind="site", object_id=pk, right=Right.READ) for one in members)
        ExposedKey.objects.bulk_create(
            ExposedKey(account=account, kind="site", object_id=pk, person=f"P{n}", since=timezone.now())
            for n in numbers
        )

    def create_links(self, numbers: range) -> None:
        from accounts.models import Grant, Right
        from links.models import Conversion, Datapoint, Domain, Group, LinkConversion, ListEntry, ListKind, Script, Tag

        account = self.account
        ListEntry.objects.bulk_create(
            ListEntry(account=account, listing=kind, value=value)
            for n in numbers
            for kind, value in (
                (ListKind.WHITELIST, f"h{n}.bench.test"), (ListKind.BLACKLIST, f"10.0.{n // 250}.{n % 250}")
            )
        )  # fmt: skip
        groups = Group.objects.bulk_create(Group(account=account, name=f"g{n}") for n in numbers)
        Group.tags.through.objects.bulk_create(Group.tags.through(group=row, tag=self.tag) for row in groups)
        Script.objects.bulk_create(Script(account=account, name=f"s{n}", script="var a=1") for n in numbers)
        Domain.objects.bulk_create(Domain(account=account, name=f"go{n}.bench.test") for n in numbers)
        tags = Tag.objects.bulk_create(Tag(account=account, name=f"t{n}") for n in numbers)
        sales = Conversion.objects.bulk_create(Conversion(account=account, name=f"c{n}") for n in numbers)
        rows = Datapoint.objects.bulk_create(
            Datapoint(account=account, group=self.group, domain=self.domain, alias=f"l{n}", url="https://shop.test/")
            for n in numbers
        )
        LinkConversion.objects.bulk_create(
            LinkConversion(datapoint=row, conversion=one, position=position)
            for row, sale in zip(rows, sales, strict=True)
            for position, one in enumerate((sale, self.sale), 1)
        )
        Datapoint.tags.through.objects.bulk_create(
            Datapoint.tags.through(datapoint=row, tag=one)
            for row, tag in zip(rows, tags, strict=True)
            for one in (tag, self.tag)
        )
        Datapoint.scripts.through.objects.bulk_create(
            Datapoint.scripts.through(datapoint=row, script=self.script) for row in rows
        )
        Grant.objects.bulk_create(
            Grant(membership=self.guest, kind="datapoint", object_id=row.pk, right=Right.READ) for row in rows
        )

    def record_traffic(self, numbers: range) -> None:
        """A visit of its own page, source, campaign, country … each, with an action of every kind; and a click."""
        from django.utils import timezone

        from tests.support import event
        from tracking import store

        now, links = timezone.now(), list(self.group.datapoints.order_by("pk").values_list("pk", flat=True))
        rows = []
        for n in numbers:
            word, at = f"v{n}", now - timedelta(seconds=240 - n % 240)
            names = ("source", "utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term", "search_term",
                     "city", "browser", "os", "organization", "person")  # fmt: skip
            fields: Any = dict.fromkeys(names, word) | {
                "referrer": f"https://{word}.test/", "referrer_domain": f"{word}.test", "visit": n + 1,
                "host": f"{word}.example.com", "split_test": word, "split_arm": "a",
                "country": f"{chr(65 + n // 26 % 26)}{chr(65 + n % 26)}",
            }  # fmt: skip
            rows.append(event(self.site, f"/{word}", at=at, visitor=word, **fields))
            for kind in ("event", "download", "outbound", "video"):
                action = fields | {"kind": kind, "name": word, "target": f"https://{word}.test/{kind}"}
                rows.append(event(self.site, f"/{word}", at=at, visitor=word, **action))
            hit: Any = {
                "visit": 0, "group_id": self.group.pk, "country": fields["country"], "referrer_domain": f"{word}.test",
                "referrer": f"https://{word}.test/", "destination": f"https://{word}.test/",
            }  # fmt: skip
            click = event(self.account.pk, "/", at=at, visitor=word, **hit, kind="link", link_id=links[0])
            sale: Any = {"kind": "conversion", "conversion_id": self.sale.pk, "click_id": click["id"]}
            rows += [click, event(self.account.pk, "/", at=at, visitor=word, **hit, **sale, link_id=links[n])]
        store.insert_rows("events", rows)
