"""Forms of channels and alerts. The fields of an alert's parameters are built from its condition."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.validators import validate_email

from accounts.security.encrypted_fields import mask, unmask
from sites.alerts.condition_registry import AlertCondition, ConditionParameter
from sites.alerts.models import Alert, Channel, ChannelKind
from sites.models import Site
from sites.outbound import OutboundError, check_reachable


def check_target(kind: str, target: str, is_enabled: bool) -> None:
    """Raise ValidationError for `target` unless it is an address of that kind, and one that may be reached."""
    if kind == ChannelKind.EMAIL:
        try:
            validate_email(target)
        except forms.ValidationError:
            raise forms.ValidationError({"target": "This is not an e-mail address."}) from None
    elif not target.startswith(("https://", "http://")):
        raise forms.ValidationError({"target": "Paste the hook's whole address; it starts with https://."})
    elif kind == ChannelKind.SLACK and not target.startswith("https://"):
        sentence = "Slack's hooks start with https://; without it others could read what you send."
        raise forms.ValidationError({"target": sentence})
    elif is_enabled:
        try:
            check_reachable(target)
        except OutboundError as error:
            raise forms.ValidationError({"target": str(error)}) from error


class ChannelForm(forms.ModelForm):  # type: ignore[type-arg]
    """Form of a channel. A stored hook's address is displayed as dots: anybody who knows it can send messages."""

    class Meta:
        model = Channel
        fields = ("kind", "name", "target", "quiet_from", "quiet_until", "enabled")
        widgets = {
            "quiet_from": forms.TimeInput(attrs={"type": "time"}),
            "quiet_until": forms.TimeInput(attrs={"type": "time"}),
        }
        labels = {"target": "Address", "quiet_from": "Quiet from", "quiet_until": "Quiet until"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.hidden_target = self.instance.target if self.instance.kind != ChannelKind.EMAIL else ""
        if self.hidden_target:
            self.initial["target"] = mask(self.hidden_target)
            self.fields["target"].required = False
            self.fields["target"].help_text = "It is not shown again. Leave the dots to keep it, or paste another."

    def clean_target(self) -> str:
        """Return the address as entered; for a stored hook, dots or an empty field keep the stored one."""
        entered: str = self.cleaned_data["target"]
        return unmask(entered, self.hidden_target) or self.hidden_target

    def clean(self) -> dict[str, object]:
        data = super().clean() or {}
        if kind := data.get("kind") or self.instance.kind:
            try:
                check_target(kind, data.get("target", ""), bool(data.get("enabled")))
            except forms.ValidationError as error:
                self.add_error(None, error)
        return data


class BillingWebhookForm(ChannelForm):
    """Form of a webhook of the operator's billing system."""

    class Meta:
        model = Channel
        fields = ("name", "target", "enabled")
        labels = {"target": "Address"}


class AlertForm(forms.ModelForm):  # type: ignore[type-arg]
    """Form of an alert. Parameters of the condition are fields named `p_<name>`."""

    class Meta:
        model = Alert
        fields = ("name", "channels", "throttle_minutes", "enabled")
        widgets = {"channels": forms.CheckboxSelectMultiple}
        labels = {"channels": "Notify", "throttle_minutes": "At most once in … minutes"}

    def __init__(self, *args: Any, site: Site, condition: AlertCondition, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.condition = condition
        self.fields["channels"].queryset = Channel.objects.filter(account=site.account)  # type: ignore[attr-defined]
        self.fields["channels"].required = False
        self.initial.setdefault("name", condition.label)
        if not self.initial["name"]:
            self.initial["name"] = condition.label
        for parameter in condition.parameters:
            self.fields[f"p_{parameter.name}"] = self.build_field(parameter)

    def build_field(self, row: ConditionParameter) -> forms.Field:
        value = self.instance.parameters.get(row.name, row.default)
        kind: type[forms.Field] = forms.FloatField if isinstance(row.default, int | float) else forms.CharField
        required = row.required and row.default != ""
        return kind(label=row.label, initial=value, required=required, help_text=row.help)

    def clean(self) -> dict[str, object]:
        """Reject parameters that their condition cannot parse."""
        data = super().clean() or {}
        for row in self.condition.parameters:
            try:
                if row.check:
                    row.check(data.get(f"p_{row.name}", ""))
            except ValueError as error:
                self.add_error(f"p_{row.name}", str(error))
        return data

    def get_parameters(self) -> dict[str, object]:
        """Return the condition's parameters as entered."""
        return {row.name: self.cleaned_data[f"p_{row.name}"] for row in self.condition.parameters}
