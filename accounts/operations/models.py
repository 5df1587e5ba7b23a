"""The table of periodic tasks."""

from django.db import models


class TaskRun(models.Model):
    """A periodic task and its last run. The worker that runs it holds `claim` until `running_until`."""

    name = models.CharField(max_length=60, primary_key=True)
    running_until = models.DateTimeField(null=True, blank=True)
    claim = models.CharField(max_length=32, blank=True)
    started = models.DateTimeField(null=True, blank=True)
    seconds = models.FloatField(default=0)
    runs = models.PositiveBigIntegerField(default=0)
    failures = models.PositiveBigIntegerField(default=0)
    failures_in_a_row = models.PositiveBigIntegerField(default=0)
    last_failure = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)

    def __str__(self) -> str:
        return self.name
