"""Shared links: a site's overview for people without an account."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import models

from accounts.keys import hash_key
from accounts.security.encrypted_fields import EncryptedCharField


class ShareQuerySet(models.QuerySet["Share"]):
    """Queries of shared links."""

    def open(self, now: datetime) -> ShareQuerySet:
        """Return the links that can be opened: neither revoked nor expired, of a site that is neither deleted nor of a
        suspended account.
        """
        not_expired = models.Q(expires=None) | models.Q(expires__gt=now)
        return self.filter(not_expired, revoked=None, site__deleted=None, site__account__suspended=None)

    def with_token(self, token: str) -> ShareQuerySet:
        """Return the link with this token, if there is one."""
        return self.filter(token_hash=hash_key(token))


class Share(models.Model):
    """One link. Without a segment it is of the entire site; it is deleted together with its segment.

    The token is looked up by its hash. It is also stored encrypted, so that the link can be shown again.
    """

    site = models.ForeignKey("sites.Site", models.CASCADE, related_name="shares")
    name = models.CharField(max_length=120)
    token = EncryptedCharField(max_length=40)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    segment = models.ForeignKey("goals.Segment", models.CASCADE, null=True, blank=True, related_name="shares")
    password = models.CharField(max_length=200, blank=True, help_text="Hashed; empty = none")
    embed = models.BooleanField(default=False, help_text="Other sites may show it in a frame")
    expires = models.DateTimeField(null=True, blank=True)
    revoked = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey("accounts.User", models.SET_NULL, null=True, blank=True, related_name="+")
    created = models.DateTimeField(auto_now_add=True)

    objects = ShareQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(embed=False) | models.Q(password=""), name="share_in_a_frame_has_no_password"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save the link; of a new one also the hash of its token."""
        if self.pk is None:
            self.token_hash = hash_key(self.token)
        super().save(*args, **kwargs)
