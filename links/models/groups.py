"""Groups of links, and tags on links and groups."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Lower

from accounts.models import Account


class Tag(models.Model):
    """A label on links and groups; names are unique per account, ignoring case."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="link_tags")
    name = models.CharField(max_length=100)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(models.F("account"), Lower("name"), name="one_tag_per_account")]

    def __str__(self) -> str:
        return self.name


class Group(models.Model):
    """A group of links (a campaign); every link is in one. Deleting it deletes its links."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="link_groups")
    name = models.CharField(max_length=200)
    notes = models.TextField(blank=True)
    favourite = models.BooleanField(default=False)
    redirect_only = models.BooleanField(default=False, help_text="Redirect without tracking")
    is_public = models.BooleanField(default=False)
    tags = models.ManyToManyField(Tag, blank=True, related_name="groups")
    created = models.DateTimeField(auto_now_add=True)
    deleted = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name
