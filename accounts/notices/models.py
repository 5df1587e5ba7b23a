"""Notices and what people choose to be told of."""

from __future__ import annotations

from django.db import models

from accounts.validators import build_choice_check


class NoticeWay(models.TextChoices):
    """How a person is told of a kind of notice."""

    NOTHING = "nothing", "Not at all"
    INBOX = "inbox", "Inbox"
    MAIL = "mail", "Inbox and e-mail"


# Of kinds that have a mail of their own
WAYS_WITHOUT_MAIL = [(way.value, way.label) for way in NoticeWay if way != NoticeWay.MAIL]


class Notice(models.Model):
    """One notice to one person. `kind` is a key of `accounts.notices.kinds.KINDS`, `values` are those of its sentence.

    `key` names what happened, so that nobody is told of it twice. Without an account it is about the person alone.
    """

    user = models.ForeignKey("accounts.User", models.CASCADE, related_name="notices")
    account = models.ForeignKey("accounts.Account", models.CASCADE, null=True, blank=True, related_name="notices")
    kind = models.CharField(max_length=40)
    key = models.CharField(max_length=120)
    values = models.JSONField(default=dict, blank=True)
    created = models.DateTimeField(db_index=True)
    read = models.DateTimeField(null=True, blank=True)
    mail_due = models.DateTimeField(null=True, blank=True, help_text="When it is to be mailed; empty: not, or mailed")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "kind", "key"], name="one_notice_per_person_and_key")]
        indexes = [
            models.Index(fields=["user", "-id"], name="notice_by_person"),
            models.Index(fields=["user"], condition=models.Q(read=None), name="notice_unread"),
            models.Index(fields=["mail_due"], condition=models.Q(mail_due__isnull=False), name="notice_to_mail"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.user_id}"


class NoticeChoice(models.Model):
    """How a person is told of one kind, if not by the kind's default."""

    user = models.ForeignKey("accounts.User", models.CASCADE, related_name="notice_choices")
    kind = models.CharField(max_length=40)
    way = models.CharField(max_length=10, choices=NoticeWay.choices)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "kind"], name="one_notice_choice_per_kind"),
            build_choice_check("way", NoticeWay, "notice_way_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.way}"
