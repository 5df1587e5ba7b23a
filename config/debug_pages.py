"""Debug pages (DEBUG=1), without what opens anything: Django hides settings by their names and does not know ours."""

import re

from django.views.debug import SafeExceptionReporterFilter

OWN = r"|(EVENTS|REDIS|DATABASE|EMAIL)_URL|^LOCATION$"  # addresses that may hold a password; LOCATION is a cache's


class ExceptionFilter(SafeExceptionReporterFilter):
    """Django's own filter, which also hides the addresses of stores, caches and mail servers."""

    hidden_settings = re.compile(SafeExceptionReporterFilter.hidden_settings.pattern + OWN, re.IGNORECASE)
