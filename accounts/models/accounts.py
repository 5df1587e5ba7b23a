"""Users who log in, accounts (tenants), the memberships, grants and invitations that join them, exposed keys, and what
operators choose for the installation."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db import models
from django.utils import timezone
from django.utils.crypto import get_random_string

from accounts.keys import derive_guid, hash_key
from accounts.models.addresses import AddressField
from accounts.validators import build_choice_check


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: object) -> User:
        """Create a user with this e-mail. Without a password nobody can log in as them."""
        user = self.model(email=email, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def has_login_user(self) -> bool:
        """Whether any user has a password. A fresh installation has none: the demo's guest is a placeholder."""
        return self.exclude(password__startswith=UNUSABLE_PASSWORD_PREFIX).exists()


class User(AbstractBaseUser):
    """A person who logs in, by e-mail."""

    email = AddressField(unique=True)
    name = models.CharField(max_length=120, blank=True)
    is_active = models.BooleanField(default=True)
    is_operator = models.BooleanField(default=False, help_text="May see the installation's own pages")
    preferences = models.JSONField(default=dict, blank=True)
    last_account = models.ForeignKey(
        "Account", models.SET_NULL, null=True, blank=True, related_name="+", help_text="Used last; opens by default"
    )
    created = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[UserManager] = UserManager()
    USERNAME_FIELD = "email"

    def __str__(self) -> str:
        return self.name or self.email


class Role(models.TextChoices):
    """What a member may do everywhere in the account; guests only what their grants say."""

    OWNER = "owner", "Owner"
    ADMIN = "admin", "Administrator"
    EDITOR = "editor", "Editor"
    VIEWER = "viewer", "Viewer"
    GUEST = "guest", "Guest"


class AuthkeyOwner(models.Model):
    """A row with an `authkey`. The key depends on a random seed rather than on the id, which is known only after the
    row is stored: so a new row is stored once, with the hash that the key is found by.
    """

    AUTHKEY_PURPOSE: ClassVar[str]
    AUTHKEY_FIELDS: ClassVar = ("key_generation", "authkey_hash")

    key_seed = models.UUIDField(default=uuid.uuid4, editable=False)
    key_generation = models.PositiveIntegerField(default=1)
    authkey_hash = models.CharField(max_length=64, db_index=True, blank=True)

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.authkey_hash = hash_key(self.authkey)
        super().save(*args, **kwargs)

    @property
    def authkey(self) -> str:
        """The key for our APIs, a GUID. It can be shown again, because it is derived (`accounts.keys`)."""
        return derive_guid(self.AUTHKEY_PURPOSE, self.key_seed.int, self.key_generation)


class Account(AuthkeyOwner):
    """A tenant, which owns sites, links and goals. Its `authkey` acts as an administrator."""

    AUTHKEY_PURPOSE = "authkey"

    name = models.CharField(max_length=120)
    timezone = models.CharField(max_length=64, default="UTC")
    plan = models.ForeignKey("plans.Plan", models.PROTECT, null=True, blank=True, related_name="accounts")
    plan_limits = models.JSONField(
        default=dict, blank=True, help_text="A copy of the plan's limits, which APIs read at each request"
    )
    monthly_events = models.BigIntegerField(default=0, help_text="Own quota; 0: the plan's")
    over_quota = models.BooleanField(default=False, help_text="Tracking is refused until the month ends")
    api_calls_used = models.BigIntegerField(default=0, help_text="Of the running month, as last counted")
    over_api_calls = models.BooleanField(default=False, help_text="API calls are refused until the month ends")
    usage_warning = models.CharField(max_length=500, blank=True, help_text="The sentence of the banner on its pages")
    events_used = models.BigIntegerField(default=0, help_text="Of the running month, as last counted")
    events_counted = models.DateTimeField(null=True, blank=True)
    brand = models.JSONField(default=dict, blank=True, help_text="White label: host, name, logo, accent")
    profile = models.JSONField(default=dict, blank=True, help_text="Names, phone and formats of the account's page")
    second_factor_required = models.BooleanField(
        default=False, help_text="Members without a second factor cannot open it"
    )
    limits = models.JSONField(default=dict, blank=True, help_text="Requests per minute and plan limits")
    suspended = models.DateTimeField(null=True, blank=True)
    suspension_reason = models.CharField(max_length=300, blank=True)
    collection_ends = models.DateTimeField(
        null=True, blank=True, help_text="While suspended: hits are recorded until then"
    )
    created = models.DateTimeField(auto_now_add=True)
    members = models.ManyToManyField(User, through="Membership", related_name="accounts")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(monthly_events__gte=0, events_used__gte=0), name="account_events_not_negative"
            ),
            models.CheckConstraint(condition=models.Q(api_calls_used__gte=0), name="account_api_calls_not_negative"),
        ]

    def __str__(self) -> str:
        return self.name

    def refuses_hits(self, now: datetime) -> bool:
        """Whether hits are rejected: the quota is used up, or collection has ended after a suspension."""
        has_ended = self.collection_ends is not None and self.collection_ends <= now
        return self.over_quota or (self.suspended is not None and has_ended)

    @property
    def chosen_limits(self) -> dict[str, object]:
        """The limits that are not the installation's: the account's own, before those of its plan."""
        return {**self.plan_limits, **self.limits}


class MembershipQuerySet(models.QuerySet["Membership"]):
    def accepted(self) -> MembershipQuerySet:
        """Select the memberships that the person has accepted."""
        return self.filter(accepted__isnull=False)

    def pending(self) -> MembershipQuerySet:
        """Select the memberships of people who were invited and have not accepted yet."""
        return self.filter(accepted__isnull=True)


class Membership(AuthkeyOwner):
    """A user in an account. A guest's key and options live here, since a person can be a guest in several accounts.

    Until it is accepted, a membership gives the person no access and shows the account nothing about the person. Its
    own key, the `authkey`, works at once: it is issued to the account and opens only the account's data.
    """

    AUTHKEY_PURPOSE = "member"

    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    account = models.ForeignKey(Account, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.VIEWER)
    options = models.JSONField(default=dict, blank=True, help_text="What a guest may not see, notes, formats")
    accepted = models.DateTimeField(
        null=True, blank=True, default=timezone.now, help_text="When the person agreed; empty = invited only"
    )
    created = models.DateTimeField(auto_now_add=True)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "account"], name="one_membership_per_account"),
            build_choice_check("role", Role, "membership_role_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.account} as {self.role}"

    @property
    def display_name(self) -> str:
        """The member's name in this account: the name that the account gave a guest, else the user's.

        Before the person accepts, nothing of the user but the e-mail is shown.
        """
        own = str(self.options.get("guestName") or "")
        return own or (str(self.user) if self.accepted else self.user.email)


class Right(models.TextChoices):
    READ = "read", "Read"
    WRITE = "write", "Write"


class Grant(models.Model):
    """A guest's right on one object. `kind` is registered in `accounts.permissions.GRANT_KINDS`.

    `object_id` is not a foreign key, because the objects belong to apps above this one.
    """

    membership = models.ForeignKey(Membership, models.CASCADE, related_name="grants")
    kind = models.CharField(max_length=20)
    object_id = models.BigIntegerField()
    right = models.CharField(max_length=5, choices=Right.choices, default=Right.READ)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["membership", "kind", "object_id"], name="one_grant_per_thing"),
            build_choice_check("right", Right, "grant_right_is_known"),
        ]
        indexes = [models.Index(fields=["kind", "object_id"])]

    def __str__(self) -> str:
        return f"{self.right} {self.kind} {self.object_id}"


def generate_invitation_token() -> str:
    """Generate a random token for a one-time link."""
    return get_random_string(40)


def compute_link_end() -> datetime:
    """Return when the link of an invitation that is created or sent now stops working."""
    return timezone.now() + timedelta(days=settings.INVITATION_DAYS)


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self) -> InvitationQuerySet:
        """Select invitations that are neither used nor revoked; some of them may have expired."""
        return self.filter(used=None, revoked=None)


class Invitation(models.Model):
    """A one-time link: to join an account, or (without one) to set up a fresh installation.

    Only the token's hash is stored. `token` has the plain text on an instance that just got its link, else it is empty.
    A new link replaces the earlier one, whose hash is kept in a closed row of its own. Used and revoked rows are kept
    for a while, to explain their links and because they count against the limit of invitations.
    """

    account = models.ForeignKey(Account, models.CASCADE, null=True, blank=True, related_name="invitations")
    email = AddressField(blank=True)
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.VIEWER)
    token_hash = models.CharField(max_length=64, unique=True)
    grants = models.JSONField(default=list, blank=True, help_text="[kind, id, right] given on acceptance")
    membership = models.ForeignKey(
        Membership, models.SET_NULL, null=True, blank=True, related_name="invitations",
        help_text="The pending membership that is accepted by it",
    )  # fmt: skip
    invited_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    link_shown = models.BooleanField(
        default=False,
        help_text="Somebody else than the invited person saw the link, or can on its host: it proves no address",
    )
    created = models.DateTimeField(default=timezone.now, help_text="When its link was made")
    expires = models.DateTimeField(help_text="When its link stops working")
    used = models.DateTimeField(null=True, blank=True)
    revoked = models.DateTimeField(null=True, blank=True)

    objects = InvitationQuerySet.as_manager()
    token = ""

    class Meta:
        constraints = [
            build_choice_check("role", Role, "invitation_role_is_known"),
            models.CheckConstraint(
                condition=models.Q(account__isnull=False) | models.Q(email="", role=Role.OWNER),
                name="invitation_without_account_is_set_up",
            ),
            models.UniqueConstraint(
                fields=["account", "email"],
                condition=models.Q(used=None, revoked=None),
                name="one_open_invitation_per_address",
            ),
        ]
        # For the limit of invitations in a day
        indexes = [models.Index(fields=["account", "created"], name="invitation_by_account")]

    def __str__(self) -> str:
        return f"invitation of {self.email or 'the first user'}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self.token_hash:
            self.make_token()
        if self.expires is None:
            self.expires = compute_link_end()
        super().save(*args, **kwargs)

    def make_token(self) -> None:
        """Generate a new token; the caller stores its hash."""
        self.token = generate_invitation_token()
        self.token_hash = hash_key(self.token)


class ExposedKey(models.Model):
    """A shared key of an account that a person who has lost access to it may still know.

    `kind` is registered in `accounts.revocation.SHARED_KEYS`. `object_id` is not a foreign key, because the objects
    belong to apps above this one.
    """

    account = models.ForeignKey(Account, models.CASCADE, related_name="exposed_keys")
    kind = models.CharField(max_length=20)
    object_id = models.BigIntegerField()
    person = models.CharField(max_length=400, help_text="Name and e-mail of who may know it: the user may be deleted")
    since = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["kind", "object_id"], name="exposed_key_by_object")]
        constraints = [
            models.UniqueConstraint(fields=["account", "kind", "object_id", "person"], name="one_row_per_exposed_key")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.object_id}, known to {self.person}"


class SignUp(models.TextChoices):
    """Who may become a user."""

    OPEN = "open", "Everybody, after entering a code that is mailed to the address"
    INVITATION = "invitation", "Invited people"
    CLOSED = "closed", "Nobody new"


class InstallationSettings(models.Model):
    """What operators choose for the whole installation, in one row (`pk` 1). Empty fields: as the environment says."""

    sign_up = models.CharField(max_length=10, choices=SignUp.choices, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(sign_up__in=["", *SignUp.values]), name="installation_sign_up_is_known"
            ),
            models.CheckConstraint(condition=models.Q(pk=1), name="installation_has_one_row"),
        ]

    def __str__(self) -> str:
        return "settings of the installation"
