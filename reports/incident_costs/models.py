"""The estimated cost of incidents."""

from __future__ import annotations

from django.db import models


class IncidentPrice(models.Model):
    """The cost of one incident, estimated again until it is `final`: some time after its end, for late events.

    The visits are those in the time of the incident; `value_per_visit` is the revenue of the four weeks before.
    """

    incident = models.OneToOneField("uptime.Incident", models.CASCADE, primary_key=True, related_name="+")
    usual_visits = models.FloatField()
    actual_visits = models.FloatField()
    value_per_visit = models.FloatField(default=0)
    currency = models.CharField(max_length=3, blank=True)
    until = models.DateTimeField(help_text="The end of what was compared")
    final = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(usual_visits__gte=0, actual_visits__gte=0), name="incident_visits_not_negative"
            )
        ]

    def __str__(self) -> str:
        return f"{self.visits_lost} visits"

    @property
    def visits_lost(self) -> int:
        """The visits that are missing; 0 if there were no fewer than usual."""
        return max(0, round(self.usual_visits - self.actual_visits))

    @property
    def revenue_lost(self) -> float:
        """The usual revenue of the missing visits."""
        return self.visits_lost * self.value_per_visit
