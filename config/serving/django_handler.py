"""Django's handler of ASGI requests, with middleware and view in one call of a thread.

All our middleware is synchronous, and so are nearly all views. Django's own handler goes back to the event loop between
the innermost middleware and the view, whatever the view is: from the thread to the loop, to the thread, to the loop and
to the thread again. Each of these waits for whatever else the loop does, such as hits and live views. An asynchronous
view runs on the event loop here, too: Django calls it from the thread.
"""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class DjangoHandler(ASGIHandler):
    """Handles requests with a synchronous chain of middleware."""

    def load_middleware(self, is_async: bool = False) -> None:
        """Load the middleware for synchronous calls, whatever the caller wants."""
        super().load_middleware(is_async=False)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        """Let the middleware and the view respond in the thread of the request."""
        return await sync_to_async(self.get_response)(request)
