"""Three sets of objects that are separate from each other, and the people who may fetch one set each.

Alice's account has two sites. Adam administers it, erin may edit and victor see everything in it. Bob (read) and dave
(write) are guests of the site `open` and of nothing else; what belongs to her other site, and to the account itself, is
the set `hidden`. Charlie owns another account, the set `other`. Everything in a set has the set's word in its name, so
that a leak is visible in any response.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts.exports.registry import ExportRequest
from accounts.exports.services import export_create
from accounts.models import SCOPES, Account, ExposedKey, Membership, Right, Role, User
from accounts.notices.kinds import DESTINATION_DEAD
from accounts.notices.models import Notice
from accounts.notices.services import notify
from accounts.services import account_create, brand_file_set, user_create
from accounts.services.clients import client_create
from accounts.services.invitations import invitation_accept, invitation_create
from accounts.services.personal_tokens import personal_token_create
from accounts.services.sso import sso_connection_set
from accounts.services.sso_domains import sso_domain_add
from accounts.sso.models import SsoConnection
from accounts.white_label.models import BrandFileKind
from goals.services import funnel_save, goal_create, segment_create
from links.models import ListKind, Status
from links.services.conversions import conversion_create
from links.services.domains import domain_create
from links.services.groups import group_create
from links.services.guests import guest_create
from links.services.links import datapoint_create
from links.services.scripts_and_lists import entry_create, script_write
from reports.agency.services import site_template_create
from reports.annotations.services import note_add
from reports.digests.services import subscription_save
from reports.onsite.services import widget_open
from reports.sharing.services import share_create
from sites.alerts.condition_registry import AlertNotification
from sites.alerts.models import Alert, Channel
from sites.alerts.services import alert_save, delivery_queue
from sites.models import Site
from sites.services import api_key_create, site_create
from sites.uptime.models import Incident
from sites.uptime.services import monitor_create
from tests.conftest import PASSWORD
from tests.support import browse, derive_number
from tests.support.images import draw_png

OPEN, HIDDEN, OTHER = "quokka", "narwhal", "axolotl"
NOBODYS = 987_654_321  # no row of any table has this number
NOBODYS_GUID = "6f1c1c3e-0000-4000-8000-00000000dead"


@dataclass
class Things:
    """One object of every kind, by the kind's name: ids, tokens and keys as a request sends them."""

    word: str
    site: Site
    ids: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, kind: str) -> Any:
        return self.ids[kind]


@dataclass
class World:
    """The three sets and the people who send requests."""

    open: Things
    hidden: Things
    other: Things
    people: dict[str, User]

    def own(self, name: str) -> Things:
        """Return the set that the person `name` may fetch."""
        return self.other if name == "charlie" else self.open

    def foreign_words(self, name: str) -> tuple[str, ...]:
        """Return the words that no response to that person may contain."""
        told = {"charlie": {OTHER}, "nobody": set[str](), "bob": {OPEN}, "dave": {OPEN}}.get(name, {OPEN, HIDDEN})
        return tuple(sorted({OPEN, HIDDEN, OTHER} - told))


def build_world() -> World:
    """Create all data through the services that pages and APIs use, with traffic on every site."""
    alice = user_create(email="alice@example.com", password=PASSWORD, name="Alice")
    charlie = user_create(email="charlie@example.com", password=PASSWORD, name="Charlie")
    hers = account_create(name="Marsupials", owner=alice)
    his = account_create(name=f"{OTHER} account", owner=charlie)
    open_things = create_site_objects(hers, alice, OPEN)
    hidden = create_site_objects(hers, alice, HIDDEN)
    other = create_site_objects(his, charlie, OTHER)
    people = {"alice": alice, "charlie": charlie}
    for name, right in (("bob", Right.READ), ("dave", Right.WRITE)):
        grants = [("site", open_things.site.pk, right), ("group", open_things["group"], right)]
        people[name] = add_member(hers, alice, name, Role.GUEST, grants)
    for name, role in (("adam", Role.ADMIN), ("erin", Role.EDITOR), ("victor", Role.VIEWER)):
        people[name] = add_member(hers, alice, name, role)
    open_things.ids |= create_account_objects(hers, alice, OPEN, people["dave"])
    hidden.ids |= create_account_objects(hers, alice, HIDDEN)
    other.ids |= create_account_objects(his, charlie, OTHER)
    return World(open_things, hidden, other, people)


def add_member(account: Account, owner: User, name: str, role: str, grants: Any = ()) -> User:
    """Create a person who was invited into the account and accepted."""
    address = f"{name}@example.com"
    by = Membership.objects.get(account=account, user=owner)
    invitation = invitation_create(account=account, email=address, role=role, by=by, grants=grants)
    user = user_create(email=address, password=PASSWORD, name=name.capitalize())
    invitation_accept(invitation=invitation, user=user, now=timezone.now())
    return user


def create_site_objects(account: Account, owner: User, word: str) -> Things:
    """Create a site with one of everything that belongs to a site or its links, visited a minute ago."""
    widget = {"open_to": "nobody" if word == HIDDEN else "guests"}
    site = site_create(account=account, domain=f"{word}.example", nickname=f"{word} site", widget=widget)
    goal = goal_create(site=site, name=f"{word} goal", kind="page", pattern="/")
    where = [{"dimension": "page", "operator": "is", "value": [f"/{word}"]}]
    shared = segment_create(site=site, name=f"{word} segment", filter=where, owner=owner, shared=True)
    private = segment_create(site=site, name=f"{word} private", filter=where, owner=owner)
    funnel = funnel_save(site=site, name=f"{word} funnel", steps=[{"page": f"/{word}"}, {"goal": goal.pk}])
    monitor = monitor_create(site=site, url=f"https://{word}.example/", name=f"{word} monitor")
    incident = Incident.objects.create(monitor=monitor, start=timezone.now(), cause=f"{word} is away")
    share = share_create(site=site, name=f"{word} share", segment=shared, user=owner)
    key, plain = api_key_create(site=site, name=f"{word} key", user=owner)
    visit = browse(
        site, "/", f"/{word}", at=timezone.now() - timedelta(minutes=1), visitor=word, title=word, person=word
    )
    brand_file_set(account=account, kind=BrandFileKind.LOGO, data=draw_png("#336699"))
    since = timezone.now()
    log_in = Session.objects.create(session_key=f"{word} session", expire_date=since + timedelta(days=1))
    widget_open(site=site, user=owner, login=log_in.pk, origin=f"https://{word}.example", now=since)
    exposed = ExposedKey.objects.create(account=account, kind="site", object_id=site.pk, person=word, since=since)
    found = Things(word, site)
    found.ids = {
        "site": site.pk, "goal": goal.pk, "segment": shared.pk, "private_segment": private.pk, "funnel": funnel.pk,
        "monitor": monitor.pk, "incident": incident.pk,
        "note": note_add(site=site, at=timezone.now(), text=f"{word} note").pk,
        "share": share.pk, "share_token": share.token, "key": key.pk, "api_key": plain, "account": account.pk,
        "device": derive_number("device", site.pk, word), "visit": visit[0]["visit"],
        "open_widget": site.widget_sessions.get().pk,
        "exposed_key": exposed.pk, "sitekey": site.sitekey, "sitekey_admin": site.sitekey_admin,
    } | create_link_objects(account, word)  # fmt: skip
    return found


def create_link_objects(account: Account, word: str) -> dict[str, Any]:
    """Create a group, a link in it, and what links refer to."""
    group = group_create(account=account, name=f"{word} group", tags=[f"{word}-tag"])
    conversion = conversion_create(account=account, name=f"{word} conversion", value="5")
    script = script_write(account=account, name=f"{word} script", text=f"var {word}=1")
    link = datapoint_create(
        account=account, alias=f"{word}-link", url=f"https://{word}.example/?s=[s2sidentifier]", title=f"{word} link",
        group=group, conversions=[conversion],
    )  # fmt: skip
    domain = domain_create(account=account, name=f"go.{word}.example")
    datapoint_create(
        account=account, alias=f"{word}-own", url=f"https://{word}.example/", group=group, domain=domain,
        scripts=[script], status=Status.PAUSED,
    )  # fmt: skip
    entry = entry_create(account=account, listing=ListKind.WHITELIST, value=f"{word}.test")
    return {
        "group": group.pk, "conversion": conversion.pk, "conversion_code": conversion.code, "script": script.pk,
        "link": link.pk, "link_alias": link.alias, "tag": group.tags.get().pk, "entry": entry.pk,
        "domain": domain.pk,
    }  # fmt: skip


def create_account_objects(account: Account, owner: User, word: str, guest: User | None = None) -> dict[str, Any]:
    """Create a guest, an invitation, a channel, an alert that uses it, and a delivery."""
    site = Site.objects.get(account=account, domain=f"{word}.example")
    guest = guest or add_member(account, owner, f"{word}-guest", Role.GUEST)
    by = Membership.objects.get(account=account, user=owner)
    invitation = invitation_create(account=account, email=f"{word}-invited@example.org", role=Role.VIEWER, by=by)
    channel = Channel.objects.create(
        account=account, kind="webhook", name=f"{word} channel", target="http://127.0.0.1:1/"
    )
    pending = guest_create(account=account, email=f"{word}-pending@example.org")
    alert = Alert(site=site, name=f"{word} alert", condition="uptime")
    alert_save(alert=alert, parameters={}, channels=[channel])
    notification = AlertNotification(f"{word}-1", f"{word} is down", f"{word} is down", {"session_id": ""})
    told = delivery_queue(channel=channel, notification=notification, now=timezone.now(), alert=alert)
    assert told is not None
    client = client_create(agency=account, name=f"{word} client")
    template = site_template_create(agency=account, name=f"{word} template", site=site)
    of_client = user_create(email=f"{word}-client@example.com", password=PASSWORD, name=f"{word} person")
    Membership.objects.create(user=of_client, account=client.account, role=Role.OWNER)
    digest = subscription_save(user=owner, frequency="week", sites=[site], attach_csv=False)
    connection = sso_connection_set(
        account=account, issuer=f"https://{word}.example", client_id=word, client_secret=f"{word} secret",
        default_role=Role.VIEWER,
    )  # fmt: skip
    SsoConnection.objects.filter(pk=connection.pk).update(enforced=True)  # so that it can be switched off
    email_domain = sso_domain_add(connection=connection, domain=f"mail.{word}.example")
    token, plain = personal_token_create(membership=by, name=f"{word} token", scopes=SCOPES)
    notify(DESTINATION_DEAD, {"link": word, "url": word, "cause": word}, account=account)
    notice = Notice.objects.get(user=owner, kind=DESTINATION_DEAD.name, values__link=word)
    asked = ExportRequest(membership=by, now=timezone.now(), site=site.pk, table="page", query=f"page=/{word}")
    export = export_create(kind="report", request=asked)
    return {
        "client": client.pk, "site_template": template.pk,
        "notice": notice.pk, "export": export.pk, "email_domain": email_domain.pk,
        "personal_token": token.pk, "plain_token": plain,
        "member": Membership.objects.get(account=account, user=guest).pk, "invitation": invitation.pk,
        "pending_member": pending.pk,
        "channel": channel.pk, "alert": alert.pk, "delivery": str(told.pk), "digest": digest.pk,
        "authkey": account.authkey,
    }  # fmt: skip
