"""Forms of models whose services validate them. Only here is the private hook of Django's model forms used."""

from __future__ import annotations

from django import forms


class DraftForm(forms.ModelForm):  # type: ignore[type-arg]
    """A model form that checks its fields only: the service that saves the object validates the model.

    If Django had no such hook any more, the model would be validated twice, here too.
    """

    def _post_clean(self) -> None:
        """Skip the model's validation."""
