"""Goals (a predicate over events, evaluated by each query), segments (a stored filter) and funnels."""

from __future__ import annotations

from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import models

from accounts.models import User
from accounts.validators import build_choice_check
from sites.amounts import count_currency_decimals, round_amount
from sites.models import Site


class GoalKind(models.TextChoices):
    """The kind of event that reaches a goal; `goals.predicates` builds the filter of each."""

    PAGE = "page", "Page view"
    EVENT = "event", "Custom event"
    OUTBOUND = "outbound", "Outbound click"
    DOWNLOAD = "download", "File download"
    FORM = "form", "Form submission"
    CLICK = "click", "Click on an element"
    SCROLL = "scroll", "Scroll depth"
    DURATION = "duration", "Duration of the visit"
    MANUAL = "manual", "Sent by a script or a server"


class PatternKind(models.TextChoices):
    """How a goal's pattern is compared."""

    EXACT = "exact", "is exactly"
    WILDCARD = "wildcard", "matches, * for anything"
    REGEX = "regex", "matches the regular expression"


MAX_THRESHOLDS = {GoalKind.SCROLL: 100, GoalKind.DURATION: 86_400}  # of the kinds that need a threshold


class Goal(models.Model):
    """A goal of a site. Its `id` is public: scripts send it (`clicky.goal(12345)`), APIs return it.

    `pattern` is a path, a name, a URL or a text, depending on the kind; empty means any. `threshold` is in percent
    (scroll) or seconds (duration). A conversion is worth `fixed_revenue`, or else the amount that its event carries.
    """

    site = models.ForeignKey(Site, models.CASCADE, related_name="goals")
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=10, choices=GoalKind.choices, default=GoalKind.PAGE)
    pattern = models.CharField(max_length=500, blank=True)
    pattern_kind = models.CharField(max_length=10, choices=PatternKind.choices, default=PatternKind.EXACT)
    page = models.CharField(max_length=500, blank=True, help_text="Only on pages that match this path; * for anything")
    text = models.CharField(max_length=200, blank=True, help_text="Clicks: only on elements with this text")
    threshold = models.PositiveIntegerField(default=0)
    conversion = models.BooleanField(default=True, help_text="Counts in the key figure “Conversions”")
    fixed_revenue = models.DecimalField(max_digits=16, decimal_places=4, null=True, blank=True)
    currency = models.CharField(max_length=3, blank=True)
    active = models.BooleanField(default=True)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "name"], name="one_goal_per_name_and_site"),
            build_choice_check("kind", GoalKind, "goal_kind_is_known"),
            build_choice_check("pattern_kind", PatternKind, "goal_pattern_kind_is_known"),
            models.CheckConstraint(
                condition=~models.Q(kind=GoalKind.PAGE) | ~models.Q(pattern=""), name="goal_of_a_page_names_it"
            ),
            *(
                models.CheckConstraint(
                    condition=~models.Q(kind=kind) | models.Q(threshold__range=(1, limit)),
                    name=f"goal_of_{kind}_has_a_threshold",
                )
                for kind, limit in MAX_THRESHOLDS.items()
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Reject a fixed revenue that its currency cannot express, such as half a yen."""
        if not isinstance(self.fixed_revenue, Decimal) or not self.currency:
            return
        decimals = count_currency_decimals(self.currency)
        if self.fixed_revenue != round_amount(self.fixed_revenue, self.currency):
            allowed = f"at most {decimals} decimals" if decimals else "no decimals"
            raise ValidationError({"fixed_revenue": f"An amount of {self.currency} has {allowed}."})

    def find_revenue_currency(self, currency: str) -> str:
        """Return the currency of the goal's revenue, if its events carried amounts in `currency`."""
        return self.currency or currency if self.fixed_revenue is not None else currency

    def compute_revenue(self, times: int, carried: object) -> Decimal:
        """Compute the revenue of `times` conversions: the fixed revenue of each, or else the sum the events carried."""
        if self.fixed_revenue is not None:
            return Decimal(self.fixed_revenue) * times
        return Decimal(str(carried or 0))


class Segment(models.Model):
    """A filter with a name. Private to its owner unless shared with everybody who may see the site."""

    site = models.ForeignKey(Site, models.CASCADE, related_name="segments")
    name = models.CharField(max_length=120)
    filter = models.JSONField(help_text="The filter JSON of the query engine")
    owner = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="segments")
    shared = models.BooleanField(default=False)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "owner", "name"], name="one_segment_per_name_and_owner")]

    def __str__(self) -> str:
        return self.name


class Funnel(models.Model):
    """Steps that visits are expected to take in order.

    A step is `{"goal": id}` or `{"page": pattern}`, in which * stands for anything.
    """

    site = models.ForeignKey(Site, models.CASCADE, related_name="funnels")
    name = models.CharField(max_length=120)
    steps = models.JSONField(help_text="2 to 8 steps")
    strict = models.BooleanField(default=False, help_text="No other page between two steps")
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "name"], name="one_funnel_per_name_and_site")]

    def __str__(self) -> str:
        return self.name
