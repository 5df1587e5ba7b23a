"""Django's ASGI handler, with every request handled on one thread from the first middleware to the last.

Django's own runs middleware in async mode, where each one with hooks goes to a thread and back twice. No middleware or
view here gains from that: all of them query the database. Async responses (live events) are streamed as before.
"""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class ThreadedHandler(ASGIHandler):
    """Calls the synchronous middleware chain on the request's thread."""

    def load_middleware(self, is_async: bool = False) -> None:
        """Build the chain for synchronous calls, whatever is asked for."""
        super().load_middleware(is_async=False)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        """The response to a request, computed on the request's thread."""
        return await sync_to_async(self.get_response)(request)
