"""Types in the signatures of tests and their helpers that no library gives a name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedASGIResponse as AsyncResponse
    from django.test.client import _MonkeyPatchedWSGIResponse as Response
else:
    from django.http import HttpResponse as AsyncResponse
    from django.http import HttpResponse as Response

__all__ = ["AsyncResponse", "Response"]
