"""The form of what a reader of the audit log looks for, of its page and of its export."""

from __future__ import annotations

from django import forms

from accounts.audit.selectors import AuditQuery
from accounts.audit.subjects import list_actions


def list_action_choices() -> list[tuple[str, str]]:
    """List the actions that can be chosen."""
    return [("", "All actions"), *list_actions().items()]


class AuditFilterForm(forms.Form):
    """What a reader of the log looks for."""

    actor = forms.CharField(required=False, max_length=200)
    action = forms.ChoiceField(required=False, choices=list_action_choices)
    target = forms.CharField(required=False, max_length=200)
    since = forms.DateField(required=False)
    until = forms.DateField(required=False)

    def build_query(self) -> AuditQuery:
        """Build the query of the valid fields; invalid ones are ignored, and the form says why."""
        self.is_valid()
        return AuditQuery(**{name: value for name, value in self.cleaned_data.items() if value})
