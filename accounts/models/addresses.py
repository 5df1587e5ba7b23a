"""The e-mail address of a person as a column: stored and looked up in one spelling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.db import models
from django.db.models.expressions import Combinable

from accounts.validators import normalize_address

if TYPE_CHECKING:
    PlainAddressField = models.EmailField[str | Combinable, str]
else:
    PlainAddressField = models.EmailField


class AddressField(PlainAddressField):
    """An address that is normalized (`normalize_address`) whenever it is stored or compared: no caller can forget it.

    Rules of a domain would not hold for people whose address spells the domain in another way.
    """

    def deconstruct(self) -> tuple[str, str, Sequence[object], dict[str, object]]:
        """Name the plain field: the column is the same, and migrations know no code of ours."""
        name, _, args, options = super().deconstruct()
        return name, "django.db.models.EmailField", args, options

    def pre_save(self, model_instance: models.Model, add: bool) -> object:
        """Normalize the address of the instance, too."""
        value = getattr(model_instance, self.attname)
        if isinstance(value, str):
            setattr(model_instance, self.attname, normalize_address(value))
        return super().pre_save(model_instance, add)

    def get_prep_value(self, value: object) -> object:
        """Normalize what is stored or looked up."""
        return super().get_prep_value(normalize_address(value) if isinstance(value, str) else value)
