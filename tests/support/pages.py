"""Reading pages as a browser shows them."""

import re

from django.http import HttpResponse


def read_html(response: HttpResponse) -> str:
    """Return a page with single spaces, and none between two tags: where its template breaks lines does not matter."""
    return re.sub(r">\s+<", "><", re.sub(r"\s+", " ", response.content.decode()))
