"""Forms of sites. They only convert text into lists and booleans; `settings_fields` validates the values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django import forms
from django.http import QueryDict

from accounts.forms import LabelsField, TimezoneField
from accounts.models import Account, Right
from accounts.security.encrypted_fields import mask, unmask
from sites.models import MAX_RETENTION_MONTHS, AddressPolicy, CookiePolicy, Site
from sites.settings_fields import TRACKER_SETTINGS, parse_tracker_settings


class LinesField(forms.CharField):
    """A list of texts, entered one per line."""

    def __init__(self, *, label: str, help_text: str) -> None:
        widget = forms.Textarea(attrs={"rows": 5, "spellcheck": "false"})
        super().__init__(required=False, widget=widget, label=label, help_text=help_text)

    def prepare_value(self, value: object) -> object:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: str | None) -> Any:
        return [line.strip() for line in (value or "").splitlines() if line.strip()]


class SiteForm(forms.Form):
    """A form whose fields have the names of fields of Site."""

    @classmethod
    def from_site(cls, site: Site, data: QueryDict | None = None) -> SiteForm:
        """Build the form with the site's present values."""
        return cls(data, initial={name: getattr(site, name) for name in cls.base_fields})

    def build_changes(self, site: Site) -> dict[str, object]:
        """Return the values to store, by the names of the site's fields."""
        return self.cleaned_data


class GeneralForm(SiteForm):
    domain = forms.CharField(
        label="Domain", max_length=253, help_text="example.org; also localhost or a name of your own network"
    )
    nickname = forms.CharField(label="Nickname", max_length=120, required=False)
    timezone = TimezoneField(help_text="Days begin and end in this zone")
    labels = LabelsField(help_text="Words by which you group sites, with commas between them.")
    allowed_hosts = LinesField(
        label="More hosts",
        help_text="One per line; *example.org means it and its subdomains. The site's domain is always accepted. Apps "
        "made of web pages often run on localhost; ports do not matter. Without a list, events that programs send "
        "with a key of the site may name any host.",
    )
    any_host = forms.BooleanField(label="Accept hits from every host", required=False)


class PrivacyForm(SiteForm):
    addresses = forms.ChoiceField(label="IP addresses", choices=AddressPolicy.choices)
    cookies = forms.ChoiceField(label="Cookies", choices=CookiePolicy.choices)
    respect_dnt = forms.BooleanField(label="Honour Do Not Track and Global Privacy Control", required=False)
    retention_months = forms.IntegerField(
        label="Months that events are kept", min_value=0, max_value=MAX_RETENTION_MONTHS, help_text="0 = for ever"
    )


class ExclusionsForm(SiteForm):
    excluded_ips = LinesField(label="IP addresses and networks", help_text="One per line: 192.0.2.7 or 192.0.2.0/24")
    excluded_pages = LinesField(label="Pages", help_text="One path per line, * as a wildcard: /admin/*")
    excluded_countries = LinesField(
        label="Countries", help_text="Two letters per line: EE; A1 stands for data-centre networks"
    )


class CountingForm(SiteForm):
    """Which visits and searches are counted; stored in `Site.tracker`."""

    data_centres = forms.BooleanField(
        label="Count visits from data centres",
        required=False,
        help_text="Usually they are programs and are quarantined as bots. Tick it if people reach you through a VPN, "
        "a remote desktop or a company network in a data centre",
    )
    internal_search = forms.BooleanField(
        label="Keep what people search for on the site",
        required=False,
        help_text="Search pages such as /search?q=shoes keep their query, so each search is a page of its own. "
        "Unticked, all of them are /search, and nothing that visitors typed is stored",
    )

    @classmethod
    def from_site(cls, site: Site, data: QueryDict | None = None) -> CountingForm:
        """Build the form with the site's present values."""
        settings = parse_tracker_settings(site.tracker)
        return cls(data, initial={
            "data_centres": settings.data_centres == "count",
            "internal_search": settings.internal_search,
        })  # fmt: skip

    def build_changes(self, site: Site) -> dict[str, object]:
        """Return the site's tracker settings with these two changed."""
        changed = {
            "data_centres": "count" if self.cleaned_data["data_centres"] else "refuse",
            "internal_search": self.cleaned_data["internal_search"],
        }
        return {"tracker": {**site.tracker, **changed}}


class ProxyForm(SiteForm):
    proxy_addresses = LinesField(
        label="Addresses of your proxy", help_text="Only these may pass on the visitor's address (X-Forwarded-For)"
    )
    proxy_secret = forms.CharField(
        label="Secret",
        required=False,
        max_length=40,
        help_text="Instead of addresses: 12 to 40 letters and digits. Leave the dots to keep the stored one",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stored_secret = self.initial["proxy_secret"]
        self.initial["proxy_secret"] = mask(self.stored_secret)

    def clean_proxy_secret(self) -> str:
        """Return the secret as entered; dots keep the stored one."""
        return unmask(self.cleaned_data["proxy_secret"], self.stored_secret)


def build_setting_field(
    label: str, help_text: str, choices: Sequence[tuple[str, str]], **more: object
) -> forms.BooleanField | forms.ChoiceField:
    """Build the field of a tracker setting from its declaration."""
    if choices:
        return forms.ChoiceField(label=label, help_text=help_text, choices=choices)
    return forms.BooleanField(label=label, help_text=help_text, required=False)


class TrackerForm(SiteForm):
    """The settings within `Site.tracker` that are declared with a label; the others stay as they are."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, setting in TRACKER_SETTINGS.items():
            if setting.metadata["label"]:
                self.fields[name] = build_setting_field(**setting.metadata)

    @classmethod
    def from_site(cls, site: Site, data: QueryDict | None = None) -> TrackerForm:
        return cls(data, initial=asdict(parse_tracker_settings(site.tracker)))

    def build_changes(self, site: Site) -> dict[str, object]:
        return {"tracker": {**site.tracker, **self.cleaned_data}}


class NewSiteForm(forms.Form):
    account = forms.ModelChoiceField(Account.objects.none(), label="Account", empty_label=None)
    domain = forms.CharField(label="Domain", max_length=253, help_text="example.org, or localhost to try it out")
    timezone = TimezoneField(help_text="Days begin and end in this zone")
    nickname = forms.CharField(label="Nickname", max_length=120, required=False)

    def __init__(self, *args: Any, accounts: list[Account], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = Account.objects.filter(pk__in=[account.pk for account in accounts])
        self.fields["account"].queryset = choices  # type: ignore[attr-defined]
        self.fields["account"].initial = accounts[0].pk
        self.fields["timezone"].initial = accounts[0].timezone
        if len(accounts) == 1:
            self.fields["account"].widget = forms.HiddenInput()


class KeyForm(forms.Form):
    name = forms.CharField(label="Name", max_length=120, help_text="What will use it")
    can_read = forms.BooleanField(label="Read statistics", required=False, initial=True)
    can_track = forms.BooleanField(label="Send events", required=False, initial=True)
    trusted = forms.BooleanField(
        label="Trusted",
        required=False,
        help_text="May send the visitor's IP address, user agent and time; no rate limit",
    )
    expires = forms.DateField(
        label="Expires", required=False, widget=forms.DateInput(attrs={"type": "date"}), help_text="Empty = never"
    )


class SiteShareForm(forms.Form):
    email = forms.EmailField(label="E-mail")
    right = forms.ChoiceField(label="May", choices=Right.choices)
