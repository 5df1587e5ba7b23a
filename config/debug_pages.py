"""Debug pages (DEBUG=1) without secrets. Django hides settings by their names, which do not include all of ours."""

import re

from django.views.debug import SafeExceptionReporterFilter

HIDDEN_SETTINGS = (
    r"|(EVENTS|REDIS|DATABASE|EMAIL)_URL|^LOCATION$"  # addresses that may hold a password; LOCATION is a cache's
)


class ExceptionFilter(SafeExceptionReporterFilter):
    """Django's own filter, which also hides the addresses of stores, caches and mail servers."""

    hidden_settings = re.compile(SafeExceptionReporterFilter.hidden_settings.pattern + HIDDEN_SETTINGS, re.IGNORECASE)
