"""The template tag `{% script_module %}`."""

from __future__ import annotations

from django import template
from django.conf import settings
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from config.serving.static_files import list_imports

register = template.Library()


@register.simple_tag
def script_module(name: str) -> SafeString:
    """Render the script element of a module, and links that preload what it imports.

    Without the links a browser would learn of each import only once the module above it had arrived.
    """
    imports = [] if settings.DEBUG else list_imports(name)
    preloads = format_html_join("\n", '<link rel="modulepreload" href="{}">', ([static(each)] for each in imports))
    return format_html('{}\n<script type="module" src="{}"></script>', preloads, static(name))
