"""Fast access to Django settings on the hot path: in 0.1 µs instead of the 1 µs of `django.conf.settings`.

Django caches the settings it has returned in the `__dict__` of its settings object and removes them when a setting
changes (also in tests), so that dictionary is read first.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings

_cached: dict[str, Any] = object.__getattribute__(settings, "__dict__")


def get_setting(name: str) -> Any:
    """Return the present value of the setting `name`. Raises AttributeError for a setting that does not exist."""
    try:
        return _cached[name]
    except KeyError:
        return getattr(settings, name)
