"""Settings that every hit asks for: Django's own object takes a microsecond for each answer, this a tenth of it.

Django keeps what it answered in the dictionary of that object, and empties it when a setting changes (also for a
test); so that dictionary is asked first.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings

_answered: dict[str, Any] = object.__getattribute__(settings, "__dict__")


def setting(name: str) -> Any:
    """The setting of this name, as `django.conf.settings` has it at the moment."""
    try:
        return _answered[name]
    except KeyError:
        return getattr(settings, name)
