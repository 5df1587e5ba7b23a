"""One row per priced incident."""

from __future__ import annotations

from django.db import models


class IncidentPrice(models.Model):
    """`usual` and `came` are visits of the incident's time; `worth` is revenue per visit in the four weeks before.

    It is worked out again until `final`: while the incident lasts, and a little longer for what arrives late."""

    incident = models.OneToOneField("sites.Incident", models.CASCADE, primary_key=True, related_name="+")
    usual = models.FloatField()
    came = models.FloatField()
    worth = models.FloatField(default=0)
    currency = models.CharField(max_length=3, blank=True)
    until = models.DateTimeField(help_text="The end of what was compared")
    final = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.visits_lost} visits"

    @property
    def visits_lost(self) -> int:
        """Visits that are missing; none where as many came as usual."""
        return max(0, round(self.usual - self.came))

    @property
    def revenue_lost(self) -> float:
        """What the missing visits usually bring."""
        return self.visits_lost * self.worth
