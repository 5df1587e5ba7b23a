"""Conversions, and which links count them."""

from __future__ import annotations

from django.db import models

from accounts.models import Account
from links.models.fields import CodeField, build_choice_checks
from sites.models import VersionedModel

MAX_CONVERSIONS = 5  # of one link
MIN_WINDOW_DAYS, MAX_WINDOW_DAYS = 1, 90


class Protocol(models.IntegerChoices):
    """The scheme in which a page calls a conversion."""

    HTTP = 0, "http"
    HTTPS = 1, "https"


class Conversion(VersionedModel):
    """A conversion that is counted up to `window_days` after a click. A parameter (order number) counts once."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="link_conversions")
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    value = models.DecimalField(max_digits=14, decimal_places=2, default=0)
    currency = models.CharField(max_length=3, blank=True)
    protocol = models.IntegerField(choices=Protocol.choices, default=Protocol.HTTPS)
    code = CodeField(help_text="By which pages report the conversion")
    window_days = models.PositiveIntegerField(default=30)
    created = models.DateTimeField(auto_now_add=True)
    deleted = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            *build_choice_checks("conversion", protocol=Protocol),
            models.CheckConstraint(
                condition=models.Q(window_days__range=(MIN_WINDOW_DAYS, MAX_WINDOW_DAYS)),
                name="conversion_window_is_allowed",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class LinkConversion(models.Model):
    """One of up to five conversions of a link, at a position from 1 to 5."""

    datapoint = models.ForeignKey("links.Datapoint", models.CASCADE, related_name="attached")
    conversion = models.ForeignKey(Conversion, models.CASCADE, related_name="attached")
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(position__range=(1, MAX_CONVERSIONS)), name="conversion_place_exists"
            ),
            models.UniqueConstraint(fields=["datapoint", "position"], name="one_conversion_per_place"),
            models.UniqueConstraint(fields=["datapoint", "conversion"], name="a_conversion_once_per_link"),
        ]

    def __str__(self) -> str:
        return f"{self.conversion_id} in place {self.position}"
