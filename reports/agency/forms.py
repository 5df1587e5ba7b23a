"""Forms of an agency's pages. They parse the input; the services validate it."""

from __future__ import annotations

from collections.abc import Sequence

from django import forms

from accounts.clients.models import SiteTemplate
from accounts.forms import LabelsField, TimezoneField
from accounts.models import Account
from reports.digests.models import Frequency
from sites.models import Site
from sites.services import MAX_SITES_AT_ONCE, NewSite

CLIENT_LABELS = "Words by which you group clients, with commas between them. Clients do not see them."


class ClientForm(forms.Form):
    """A new client: its account, and who is invited to own it."""

    name = forms.CharField(label="Name", max_length=120, help_text="The client sees it.")
    timezone = TimezoneField()
    labels = LabelsField(help_text=CLIENT_LABELS)
    email = forms.EmailField(
        label="E-mail of the client's owner",
        required=False,
        help_text="Who is invited into the account. Empty: you invite somebody later, or nobody.",
    )


class LabelsForm(forms.Form):
    labels = LabelsField(help_text=CLIENT_LABELS)


class AccountField(forms.TypedChoiceField):
    """One of the accounts that the reader manages."""

    def __init__(self, *, label: str) -> None:
        super().__init__(label=label, coerce=int)

    def offer(self, accounts: Sequence[Account]) -> None:
        """Set the accounts to choose from."""
        self.choices = [(account.pk, str(account)) for account in accounts]


class ManySitesForm(forms.Form):
    """Many sites of one account, one in each line, set up by a template if one is chosen."""

    account = AccountField(label="Client")
    template = forms.TypedChoiceField(label="Template", coerce=int, empty_value=None, required=False)
    sites = forms.CharField(
        label="Sites",
        strip=False,
        max_length=40_000,
        widget=forms.Textarea(attrs={"rows": 10, "spellcheck": "false"}),
        help_text=f"One in each line, at most {MAX_SITES_AT_ONCE}: example.org. After the domain a nickname and a time "
        "zone may follow, with commas between them: example.org, Shop, Europe/Berlin.",
    )
    labels = LabelsField(help_text="Of all of these sites, with commas between them. Who may edit a site sees them.")

    def __init__(
        self,
        data: object = None,
        *,
        accounts: Sequence[Account],
        templates: Sequence[SiteTemplate] = (),
        initial: object = None,
    ) -> None:
        super().__init__(data, initial=initial)  # type: ignore[arg-type]
        self.fields["account"].offer(accounts)  # type: ignore[attr-defined]
        choices = [("", "None"), *((row.pk, str(row)) for row in templates)]
        self.fields["template"].choices = choices  # type: ignore[attr-defined]


class MoveForm(forms.Form):
    """The account that a site moves to."""

    account = AccountField(label="To the account")

    def __init__(self, data: object = None, *, accounts: Sequence[Account]) -> None:
        super().__init__(data)  # type: ignore[arg-type]
        self.fields["account"].offer(accounts)  # type: ignore[attr-defined]


class TemplateForm(forms.Form):
    """A new template, read from a site."""

    name = forms.CharField(label="Name", max_length=120)
    site = forms.TypedChoiceField(
        label="As it is set up on", coerce=int, help_text="Its active goals, its funnels and its alerts are taken."
    )
    privacy = forms.BooleanField(label="With its settings of privacy", required=False, initial=True)
    digest = forms.ChoiceField(
        label="Reports by e-mail",
        required=False,
        choices=[("", "None"), *Frequency.choices],
        help_text="To the owners of the account of each site; they can stop them.",
    )

    def __init__(self, data: object = None, *, sites: Sequence[Site]) -> None:
        super().__init__(data)  # type: ignore[arg-type]
        self.fields["site"].choices = build_site_choices(sites)  # type: ignore[attr-defined]


class ApplyForm(forms.Form):
    """The sites that are set up by a template."""

    sites = forms.TypedMultipleChoiceField(
        label="Sites",
        coerce=int,
        widget=forms.SelectMultiple(attrs={"size": 15}),
        help_text="Goals, funnels and alerts of the same name stay as they are there.",
    )

    def __init__(self, data: object = None, *, sites: Sequence[Site]) -> None:
        super().__init__(data)  # type: ignore[arg-type]
        self.fields["sites"].choices = build_site_choices(sites)  # type: ignore[attr-defined]


def build_site_choices(sites: Sequence[Site]) -> list[tuple[int, str]]:
    """Build the choices of sites, with the names of their accounts."""
    return [(site.pk, f"{site} ({site.account})") for site in sites]


def parse_site_lines(text: str) -> list[NewSite]:
    """Parse lines of `domain, nickname, time zone`, of which the domain is enough. Empty lines are left out."""
    sites = []
    for line in text.splitlines():
        domain, _, rest = line.partition(",")
        nickname, _, timezone = rest.partition(",")
        if line.strip():
            sites.append(NewSite(domain.strip(), nickname.strip(), timezone.strip()))
    return sites
