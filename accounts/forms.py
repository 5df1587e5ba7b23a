"""Forms of accounts. They parse the input; the services validate it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.utils import flatatt
from django.http import QueryDict
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts.models import INSTALLATION, READ, WRITE, Area, Role
from accounts.validators import list_zone_names

TIMEZONE_CHOICES = [(name, name) for name in sorted(list_zone_names())]
NEW_PASSWORD_INPUT = forms.PasswordInput(attrs={"autocomplete": "new-password"})
LENGTH_HINT = "At least ten characters."


def add_errors(form: forms.BaseForm, error: ValidationError, names: Mapping[str, str] | None = None) -> None:
    """Add a service's ValidationError to the form: to its fields, and above the form what belongs to none of them.

    `names` are the form's names of fields that have another name in the service.
    """
    by_field = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
    for field, messages in by_field.items():
        name = (names or {}).get(field, field)
        form.add_error(name if name in form.fields else None, messages)


class TimezoneSelect(forms.Select):
    """A list of time zones. For each option Django would render two templates: 20 ms for all 600."""

    def render(
        self, name: str, value: object, attrs: dict[str, object] | None = None, renderer: object = None
    ) -> SafeString:
        chosen = self.format_value(value)
        options = format_html_join(
            "\n", '<option value="{0}"{1}>{0}</option>',
            ((zone, " selected" if zone in chosen else "") for zone, _ in self.choices),
        )  # fmt: skip
        attributes = flatatt(self.build_attrs(self.attrs, attrs))
        return format_html('<select name="{}"{}>\n{}\n</select>', name, attributes, options)


class TimezoneField(forms.ChoiceField):
    def __init__(self, *, help_text: str = "") -> None:
        super().__init__(label="Time zone", choices=TIMEZONE_CHOICES, widget=TimezoneSelect, help_text=help_text)


class LabelsField(forms.CharField):
    """Labels, with commas between them."""

    def __init__(self, *, help_text: str) -> None:
        super().__init__(label="Labels", required=False, max_length=1_000, help_text=help_text)

    def prepare_value(self, value: object) -> object:
        return ", ".join(map(str, value)) if isinstance(value, list) else value

    def to_python(self, value: object) -> Any:
        return [part.strip() for part in str(value or "").split(",") if part.strip()]


class SetupForm(forms.Form):
    name = forms.CharField(label="Your name", max_length=120, required=False)
    email = forms.EmailField(label="E-mail", widget=forms.EmailInput(attrs={"autocomplete": "username"}))
    password = forms.CharField(label="Password", strip=False, widget=NEW_PASSWORD_INPUT, help_text=LENGTH_HINT)
    account_name = forms.CharField(label="Name of your account", max_length=120, help_text="A company or a person.")


class JoinForm(forms.Form):
    name = forms.CharField(label="Your name", max_length=120, required=False)
    password = forms.CharField(label="Password", strip=False, widget=NEW_PASSWORD_INPUT, help_text=LENGTH_HINT)


class ProfileForm(forms.Form):
    name = forms.CharField(label="Your name", max_length=120, required=False)


class AccountForm(forms.Form):
    name = forms.CharField(label="Name", max_length=120)
    timezone = TimezoneField()


class BrandForm(forms.Form):
    host = forms.CharField(
        label="Host", required=False, max_length=253,
        help_text="Such as stats.example.org, for the dashboard, the tracking code and links. Empty: off.",
    )  # fmt: skip
    tracking_host = forms.CharField(
        label="Another host for the tracking code", required=False, max_length=253,
        help_text="Such as t.example.org. It has scripts and beacons, and no pages. Empty: the host above.",
    )  # fmt: skip
    name = forms.CharField(label="Name", required=False, max_length=120)
    accent = forms.CharField(
        label="Accent colour", required=False, max_length=7,
        help_text="Such as #0a7f5a. Buttons, links and bars get colours of this hue, readable in both themes.",
    )  # fmt: skip
    sender = forms.CharField(
        label="Sender of mails", required=False, max_length=254,
        help_text="Such as reports@example.org; its domain is verified like a host. Empty: noreply@ the host above.",
    )  # fmt: skip
    logo = forms.CharField(
        label="Address of a logo", required=False, max_length=500,
        help_text="The https:// address of an image elsewhere. A logo that you upload comes before it.",
    )  # fmt: skip


class InviteForm(forms.Form):
    email = forms.EmailField(label="E-mail")
    role = forms.ChoiceField(label="Role", choices=[choice for choice in Role.choices if choice[0] != Role.OWNER])

    def __init__(self, *args: Any, may_own: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if may_own:
            self.fields["role"].choices = Role.choices  # type: ignore[attr-defined]
        self.fields["role"].initial = Role.VIEWER


class PersonalTokenForm(forms.Form):
    """A new personal token: a right for each area, some sites or all, and its last day."""

    name = forms.CharField(label="Name", max_length=120, help_text="What it is for, such as the program's name.")
    sites = forms.MultipleChoiceField(
        label="Only these sites", required=False, widget=forms.CheckboxSelectMultiple,
        help_text="If none is chosen: all that you may see, and the account itself.",
    )  # fmt: skip
    expires = forms.DateField(
        label="Last day", required=False, help_text="Empty: until you revoke it.",
        widget=forms.DateInput(attrs={"type": "date"}),
    )  # fmt: skip

    def __init__(self, data: QueryDict | None, sites: Sequence[tuple[int, str]], *, is_operator: bool = False) -> None:
        super().__init__(data)
        self.areas = [(area.value, area.label) for area in Area]
        if is_operator:
            self.areas.append((INSTALLATION, "Plans, accounts and billing of this installation"))
        self.fields["sites"].choices = [(str(number), label) for number, label in sites]  # type: ignore[attr-defined]
        for area, label in self.areas:
            self.fields[self.get_field_name(area)] = forms.ChoiceField(
                label=label, required=False, choices=[("", "nothing"), (READ, "read"), (WRITE, "read and write")]
            )
        self.order_fields(["name", *(self.get_field_name(area) for area, _ in self.areas), "sites", "expires"])

    def get_field_name(self, area: str) -> str:
        """Return the name of the field with the right for an area."""
        return f"may_{area}"

    def list_scopes(self) -> list[str]:
        """List the chosen scopes."""
        rights = {area: self.cleaned_data[self.get_field_name(area)] for area, _ in self.areas}
        return [f"{area}:{right}" for area, right in rights.items() if right]

    def list_sites(self) -> list[int]:
        """List the ids of the chosen sites."""
        return [int(number) for number in self.cleaned_data["sites"]]


class RoleForm(forms.Form):
    role = forms.ChoiceField(label="Role", choices=Role.choices)
