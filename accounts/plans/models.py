"""Plans, and what accounts use by day. Days and months are those of UTC (`accounts.plans.months`)."""

from __future__ import annotations

from django.db import models

MAX_PLAN_NAME = 60


class Plan(models.Model):
    """What an account may have and use, under a name: values of `accounts.account_limits.LIMITS`.

    Limits that the plan does not name are the installation's. Each account has a copy of its plan's limits
    (`Account.plan_limits`), which services keep equal to these.
    """

    name = models.CharField(max_length=MAX_PLAN_NAME, unique=True)
    description = models.CharField(max_length=300, blank=True, help_text="What its customers read about it")
    limits = models.JSONField(default=dict, blank=True)
    created = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class EventDay(models.Model):
    """How many events of a site were recorded in a day. Clicks on links have the account's own number as `site`.

    A day counts for the account that the site belonged to when the day was first counted. `site` is no foreign key,
    because sites belong to an app above this one, and deleted ones count too.
    """

    account = models.ForeignKey("accounts.Account", models.CASCADE, related_name="event_days")
    site = models.BigIntegerField()
    day = models.DateField()
    events = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "day"], name="one_event_day_per_site"),
            models.CheckConstraint(condition=models.Q(events__gte=0), name="event_day_not_negative"),
        ]
        indexes = [
            models.Index(fields=["account", "day"], name="event_days_of_account"),
            # A month of all accounts is summed up from the index alone
            models.Index(fields=["day", "account", "events"], name="event_days_by_day"),
        ]

    def __str__(self) -> str:
        return f"{self.events} events of {self.site} on {self.day}"


class Api(models.TextChoices):
    """The APIs whose calls are counted."""

    MANAGEMENT = "management", "Management API"
    CLICKPORT = "clickport", "Clickport API"
    CLICKY = "clicky", "Clicky API"
    CLICKMETER = "clickmeter", "ClickMeter API"


class ApiCallDay(models.Model):
    """How many calls of an API with keys of an account were answered in a day."""

    account = models.ForeignKey("accounts.Account", models.CASCADE, related_name="api_call_days")
    api = models.CharField(max_length=20, choices=Api.choices)
    day = models.DateField()
    calls = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "day", "api"], name="one_api_call_day"),
            models.CheckConstraint(condition=models.Q(api__in=Api.values), name="api_of_calls_is_known"),
            models.CheckConstraint(condition=models.Q(calls__gte=0), name="api_call_day_not_negative"),
        ]
        indexes = [models.Index(fields=["day", "account", "calls"], name="api_call_days_by_day")]

    def __str__(self) -> str:
        return f"{self.calls} calls of {self.api} on {self.day}"
