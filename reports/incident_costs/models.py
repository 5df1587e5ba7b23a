"""The estimated cost of incidents."""

from __future__ import annotations

from django.db import models


class IncidentPrice(models.Model):
    """The cost of one incident, estimated again until it is `final`: some time after its end, for late events.

    `usual` and `came` are visits in the time of the incident; `worth` is revenue per visit in the four weeks before.
    """

    incident = models.OneToOneField("uptime.Incident", models.CASCADE, primary_key=True, related_name="+")
    usual = models.FloatField()
    came = models.FloatField()
    worth = models.FloatField(default=0)
    currency = models.CharField(max_length=3, blank=True)
    until = models.DateTimeField(help_text="The end of what was compared")
    final = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(usual__gte=0, came__gte=0), name="incident_visits_not_negative")
        ]

    def __str__(self) -> str:
        return f"{self.visits_lost} visits"

    @property
    def visits_lost(self) -> int:
        """The visits that are missing; 0 where as many came as usual."""
        return max(0, round(self.usual - self.came))

    @property
    def revenue_lost(self) -> float:
        """The usual revenue of the missing visits."""
        return self.visits_lost * self.worth
