"""The registry of kinds of notices: what each says, who gets it, where it leads, and whether it is mailed.

A service writes one with `notify(KIND, …)` (`accounts.notices.services`). A new kind is a constant here and a member of
ALL_KINDS; pages, choices, the API and the documentation follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from string import Formatter

from django.urls import reverse

from accounts.notices.models import NoticeWay

NoticeValue = str | int
NoticeValues = Mapping[str, NoticeValue]


class Audience(Enum):
    """Who gets notices of a kind; the values are the words of the documentation."""

    PERSON = "the person whom it is about"
    MANAGERS = "owners and administrators"
    TEAM = "owners, administrators and editors; guests who may change the object"
    OPERATORS = "operators of the installation"


@dataclass(frozen=True, kw_only=True)
class NoticeKind:
    """A kind of notice.

    `sentence` has the names of its values in braces. `route` is the name of the page that a notice leads to, followed
    by the names of those values that its address has; empty: it leads nowhere. `is_mailed` kinds already have a mail of
    their own, so that none is offered. `tells_agency`: of a client's account, the agency's managers are told too.
    """

    name: str
    label: str
    sentence: str
    audience: Audience
    route: tuple[str, ...] = ()
    default: NoticeWay = NoticeWay.INBOX
    is_mailed: bool = False
    tells_agency: bool = False

    @property
    def ways(self) -> list[NoticeWay]:
        """What a person can choose for the kind."""
        return [way for way in NoticeWay if way != NoticeWay.MAIL or not self.is_mailed]

    @property
    def sentence_values(self) -> frozenset[str]:
        """The names of the values in the sentence, which every notice of this kind has."""
        return frozenset(name for _, name, _, _ in Formatter().parse(self.sentence) if name)

    def has_values(self, values: NoticeValues) -> bool:
        """Whether these are the values of a notice of this kind; those of the address may be left out."""
        return self.sentence_values <= values.keys() <= self.sentence_values | set(self.route[1:])

    def format_sentence(self, values: NoticeValues) -> str:
        """Format the sentence. Values that an older version did not write are shown as dashes."""
        return self.sentence.format_map({name: values.get(name, "–") for name in self.sentence_values})

    def build_path(self, values: NoticeValues) -> str:
        """Build the address that a notice leads to; "" if it leads nowhere."""
        if not self.route or any(name not in values for name in self.route[1:]):
            return ""
        return reverse(self.route[0], args=[values[name] for name in self.route[1:]])


INVITATION_RECEIVED = NoticeKind(
    name="invitation_received",
    label="You are invited",
    sentence="{inviter} invites you into the account {account}. The link in the mail lets you join.",
    audience=Audience.PERSON,
    is_mailed=True,
)
INVITATION_ACCEPTED = NoticeKind(
    name="invitation_accepted",
    label="Invitation accepted",
    sentence="{person} joined the account as {role}.",
    audience=Audience.MANAGERS,
    route=("accounts:team",),
    tells_agency=True,
)
QUOTA_NEAR = NoticeKind(
    name="quota_near",
    label="Plan at 80 percent",
    sentence="{percent}% of the {quota} {what} are used. {consequence}",
    audience=Audience.MANAGERS,
    route=("usage:page",),
    default=NoticeWay.MAIL,
    tells_agency=True,
)
QUOTA_USED = NoticeKind(
    name="quota_used",
    label="Plan used up",
    sentence="All {quota} {what} are used. {consequence}",
    audience=Audience.MANAGERS,
    route=("usage:page",),
    default=NoticeWay.MAIL,
    tells_agency=True,
)
QUOTA_REFUSED = NoticeKind(
    name="quota_refused",
    label="Events or calls refused",
    sentence="{percent}% of the {quota} {what} are used. {consequence}",
    audience=Audience.MANAGERS,
    route=("usage:page",),
    default=NoticeWay.MAIL,
    tells_agency=True,
)
DESTINATION_DEAD = NoticeKind(
    name="destination_dead",
    label="Dead destination",
    sentence="The link {link} leads to {url}, which does not work: {cause}",
    audience=Audience.TEAM,
    route=("links:report", "link_id"),
)
DELIVERY_FAILED = NoticeKind(
    name="delivery_failed",
    label="Failed delivery",
    sentence="“{subject}” did not reach the channel {channel} and is not tried again: {error}",
    audience=Audience.MANAGERS,
    route=("alerts:list", "site_id"),
    tells_agency=True,
)
CHANNEL_STOPPED = NoticeKind(
    name="channel_stopped",
    label="Channel switched off",
    sentence="The channel {channel} was switched off after a day of failures: {error}",
    audience=Audience.MANAGERS,
    is_mailed=True,
    tells_agency=True,
)
BILLING_AWAY = NoticeKind(
    name="billing_away",
    label="Billing webhook fails",
    sentence="The billing webhook {channel} could not be reached for an hour: {error} It is tried again for a week.",
    audience=Audience.OPERATORS,
    route=("billing:webhooks",),
    default=NoticeWay.MAIL,
)
BILLING_LOST = NoticeKind(
    name="billing_lost",
    label="Billing delivery given up",
    sentence="“{subject}” did not reach the billing webhook {channel} and is not tried again by itself: {error}",
    audience=Audience.OPERATORS,
    route=("billing:webhooks",),
    default=NoticeWay.MAIL,
)
IMPORT_ENDED = NoticeKind(
    name="import_ended",
    label="Import ended",
    sentence="The import has ended. Links imported: {imported}; lines refused: {refused}.",
    audience=Audience.PERSON,
    route=("links:list",),
)
EXPORT_ENDED = NoticeKind(
    name="export_ended",
    label="Export ended",
    sentence="The export “{export}” can be downloaded for seven days. Rows: {rows}.",
    audience=Audience.PERSON,
    route=("accounts:exports",),
)
EXPORT_FAILED = NoticeKind(
    name="export_failed",
    label="Export failed",
    sentence="The export “{export}” could not be written: {error}",
    audience=Audience.PERSON,
    route=("accounts:exports",),
)
TOKEN_CREATED = NoticeKind(
    name="token_created",
    label="New API token",
    sentence="The personal API token “{token}” was created in your name. If it was not you, revoke it.",
    audience=Audience.PERSON,
    route=("accounts:tokens",),
    is_mailed=True,
)
SITE_KEY_CREATED = NoticeKind(
    name="site_key_created",
    label="New API key of a site",
    sentence="The API key “{key}” of {site} was created.",
    audience=Audience.MANAGERS,
    route=("sites:api-keys", "site_id"),
    tells_agency=True,
)
KEY_EXPOSED = NoticeKind(
    name="key_exposed",
    label="Exposed keys",
    sentence="{person} can no longer read some shared keys, but may still know them (number: {count}). "
    "Replace them, or keep them as they are.",
    audience=Audience.MANAGERS,
    route=("accounts:team",),
)
SITE_MOVED = NoticeKind(
    name="site_moved",
    label="Site moved",
    sentence="{site} moved from {old} to {new}, with all that was counted.",
    audience=Audience.MANAGERS,
    route=("dashboard:overview", "site_id"),
    tells_agency=True,
)
CLIENT_RELEASED = NoticeKind(
    name="client_released",
    label="Client made independent",
    sentence="{client} is no client of {agency} any more. Nobody of {agency} reaches it through the agency.",
    audience=Audience.MANAGERS,
)
ALL_KINDS: tuple[NoticeKind, ...] = (
    INVITATION_RECEIVED, INVITATION_ACCEPTED, QUOTA_NEAR, QUOTA_USED, QUOTA_REFUSED, DESTINATION_DEAD, DELIVERY_FAILED,
    CHANNEL_STOPPED, IMPORT_ENDED, EXPORT_ENDED, EXPORT_FAILED, TOKEN_CREATED, SITE_KEY_CREATED, KEY_EXPOSED,
    SITE_MOVED, CLIENT_RELEASED, BILLING_AWAY, BILLING_LOST,
)  # fmt: skip
KINDS: dict[str, NoticeKind] = {kind.name: kind for kind in ALL_KINDS}
