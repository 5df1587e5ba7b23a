"""Which account is a client of which agency, and the agency's templates of sites."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from accounts.models import Account


class ClientAccount(models.Model):
    """An account below an agency's. The agency's owners and administrators have the same role in it; its own members
    have no access to the agency.

    There is one level: an agency is no client, and a client has no clients (`accounts.services.clients`).
    """

    account = models.OneToOneField(Account, models.CASCADE, primary_key=True, related_name="client")
    agency = models.ForeignKey(Account, models.CASCADE, related_name="clients")
    labels = models.JSONField(default=list, blank=True, help_text="Words by which the agency groups its clients")
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=~Q(account=F("agency")), name="client_is_not_its_own_agency")]

    def __str__(self) -> str:
        return str(self.account)


class SiteTemplate(models.Model):
    """What an agency sets up on every site: goals, funnels, alerts, privacy, and reports by e-mail.

    `content` is of what apps above this one know; `reports.agency.templates` reads it from a site and applies it.
    """

    agency = models.ForeignKey(Account, models.CASCADE, related_name="site_templates")
    name = models.CharField(max_length=120)
    content = models.JSONField(default=dict)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["agency", "name"], name="one_site_template_per_name")]

    def __str__(self) -> str:
        return self.name
