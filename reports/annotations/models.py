"""Annotations: notes at an instant."""

from __future__ import annotations

from django.db import models


class Note(models.Model):
    """An annotation. Visible to everybody who may see the site; not on shared links."""

    site = models.ForeignKey("sites.Site", models.CASCADE, related_name="notes")
    at = models.DateTimeField()
    text = models.CharField(max_length=200)
    created_by = models.ForeignKey("accounts.User", models.SET_NULL, null=True, blank=True, related_name="+")
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["site", "at"])]

    def __str__(self) -> str:
        return self.text
