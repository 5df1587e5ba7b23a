"""The entries of the audit log, and the chain that shows whether one was changed or removed.

Triggers of the database refuse every change of an entry or seal, and every deletion but that of expired ones
(`accounts.audit.retention`). No foreign key has a constraint: entries outlive what they are about.
"""

from __future__ import annotations

from django.db import models

from accounts.security.encrypted_fields import EncryptedCharField
from accounts.validators import build_choice_check

INSTALLATION = 0  # the chain of the entries that belong to no account


class ActorType(models.TextChoices):
    """Who acted. An operator is one only where they act for the installation, or in an account of others."""

    USER = "user", "Person"
    KEY = "key", "API key"
    OPERATOR = "operator", "Operator"
    SYSTEM = "system", "System"
    ANONYMOUS = "anonymous", "Nobody logged in"


class Via(models.TextChoices):
    """What the action came through."""

    WEB = "web", "Page"
    API = "api", "API"
    COMMAND = "command", "Command"
    TASK = "task", "Periodic task"


class AuditEntry(models.Model):
    """One action on one object, the *target*. Labels are kept as they were, because names change and objects vanish.

    `account` is empty for actions that belong to the installation. `changes` is {field: [before, after]}; secrets are
    dots. `target_id` is a text, because some objects have no number.
    """

    account = models.ForeignKey(
        "accounts.Account", models.DO_NOTHING, null=True, db_constraint=False, db_index=False, related_name="+"
    )
    at = models.DateTimeField()
    action = models.CharField(max_length=60)
    actor_type = models.CharField(max_length=10, choices=ActorType.choices)
    actor_id = models.BigIntegerField(null=True)
    actor_label = models.CharField(max_length=300, blank=True)
    via = models.CharField(max_length=10, choices=Via.choices)
    target_type = models.CharField(max_length=40)
    target_id = models.CharField(max_length=40, blank=True)
    target_label = models.CharField(max_length=200, blank=True)
    changes = models.JSONField(default=dict, blank=True)
    address = models.CharField(max_length=45, blank=True, help_text="The client's IP address")
    user_agent = models.CharField(max_length=300, blank=True)
    request_id = models.CharField(max_length=64, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["account", "id"], name="audit_entry_by_account"),
            models.Index(fields=["account", "at"], name="audit_entry_by_time"),
        ]
        constraints = [
            build_choice_check("actor_type", ActorType, "audit_actor_type_is_known"),
            build_choice_check("via", Via, "audit_via_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.target_label} by {self.actor_label}"


class AuditSeal(models.Model):
    """An entry's place in the chain of its account, with a hash over the entry and the seal before."""

    entry_id = models.BigIntegerField(primary_key=True)
    chain_id = models.BigIntegerField()
    number = models.BigIntegerField(help_text="1, 2, 3 … without gaps")
    previous = models.CharField(max_length=64, blank=True)
    digest = models.CharField(max_length=64, help_text="An HMAC, in hexadecimal")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["chain_id", "number"], name="one_audit_seal_per_number")]

    def __str__(self) -> str:
        return f"{self.chain_id}/{self.number}"


class AuditChain(models.Model):
    """Where the chain of an account begins and ends. The id is the account's; INSTALLATION for the others.

    `signature` is an HMAC over both ends, so that nobody without `SECRET_KEY` can shorten the chain unnoticed. The key
    is stored encrypted, so it stays the same when SECRET_KEY is replaced.
    """

    id = models.BigIntegerField(primary_key=True)
    key = EncryptedCharField(max_length=64)
    first_number = models.BigIntegerField(default=1)
    anchor = models.CharField(max_length=64, blank=True, help_text="The hash before the first number")
    last_number = models.BigIntegerField(default=0)
    last_digest = models.CharField(max_length=64, blank=True)
    signature = models.CharField(max_length=64, blank=True)

    def __str__(self) -> str:
        return f"{self.id}: {self.first_number} to {self.last_number}"


class AuditDeletion(models.Model):
    """Permits deletions while it has a row, which only the transaction sees that deletes expired entries."""

    id = models.PositiveSmallIntegerField(primary_key=True)

    def __str__(self) -> str:
        return str(self.id)
