"""Responses of links besides plain redirects: small pages without the product's name, each under its own CSP."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from functools import lru_cache
from html import escape
from io import BytesIO

import segno

from accounts.security.hashers import RETRY_SECONDS
from links.url_policy import encode_location
from tracking.web import Header, Reply

HTML_TYPE = b"text/html; charset=utf-8"
STYLE = (
    "body{margin:0;font:16px/1.5 system-ui,sans-serif;color:#1c2024;background:#f7f8f9}"
    "main{max-width:28rem;margin:20vh auto 0;padding:0 1.5rem}h1{font-size:1.25rem}"
    "input,button{font:inherit;padding:.6rem .8rem;border:1px solid #b8bec6;border-radius:6px;box-sizing:border-box}"
    "input{width:100%;margin:.25rem 0 .75rem}button{background:#1c2024;color:#fff;border-color:#1c2024}"
    "iframe{position:fixed;inset:0;width:100%;height:100%;border:0}"
    "@media(prefers-color-scheme:dark){body{color:#e8eaed;background:#15181b}button{background:#e8eaed;color:#15181b}"
    "input{background:#1f2328;color:inherit}}"
)
FORWARD_SCRIPT = (
    "var a=document.getElementById('go');var w=+a.dataset.wait;"
    "var u=a.dataset.coded?atob(a.dataset.coded):a.href;"
    "setTimeout(function(){location.replace(u)},w)"
)
# In a sandbox `document.cookie` and the storages throw, and scripts such as Facebook's stop before they report the
# visit. Here they get ones that last as long as the page.
STORAGE_STUB_SCRIPT = (
    "(function(){var j={};try{document.cookie}catch(e){Object.defineProperty(document,'cookie',{"
    "get:function(){return Object.keys(j).map(function(n){return n+'='+j[n]}).join('; ')},"
    "set:function(t){var p=String(t).split(';')[0],i=p.indexOf('=');j[p.slice(0,i).trim()]=p.slice(i+1).trim()}})}"
    "['localStorage','sessionStorage'].forEach(function(n){try{window[n]}catch(e){var m=new Map();"
    "Object.defineProperty(window,n,{value:{get length(){return m.size},"
    "key:function(i){return Array.from(m.keys())[i]||null},"
    "getItem:function(k){return m.has(String(k))?m.get(String(k)):null},"
    "setItem:function(k,v){m.set(String(k),String(v))},removeItem:function(k){m.delete(String(k))},"
    "clear:function(){m.clear()}}})}})})()"
)
DECODE_FRAME_SCRIPT = "var f=document.getElementById('page');f.src=atob(f.dataset.coded)"
NOINDEX: Header = (b"x-robots-tag", b"noindex")
SANDBOX = "sandbox allow-scripts allow-top-navigation; form-action 'none'; "
FRAME_SANDBOX = "allow-scripts allow-same-origin"  # no forms, no pop-ups, no navigation of the link's page
SCRIPT_TAG = re.compile(
    r"<script\b([^<>]*)", re.I
)  # ends at the next tag, so that hostile HTML cannot make the search slow


@lru_cache(maxsize=64)
def hash_for_csp(text: str) -> str:
    """Build the CSP source that allows exactly this inline text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def render_html_page(
    title: str, body: str, *, status: int = 200, script: str = "", csp: str = "", head: str = ""
) -> Reply:
    """Render a complete page; `body` is escaped HTML, `script` trusted inline code.

    The policy does not restrict `form-action`: browsers apply it also to redirects after a form, and the password form
    redirects to any destination.
    """
    policy = csp or (
        f"default-src 'none'; style-src {hash_for_csp(STYLE)}; base-uri 'none'; frame-ancestors 'none'"
        + (f"; script-src {hash_for_csp(script)}" if script else "")
    )
    inline = f"<script>{script}</script>" if script else ""
    html = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1">{head}'
        f"<style>{STYLE}</style></head><body>{body}{inline}</body></html>"
    )
    headers = [NOINDEX, (b"content-security-policy", policy.encode())]
    return Reply(html.encode(), HTML_TYPE, status, headers=headers)


def render_notice(title: str, text: str, status: int) -> Reply:
    """Render a page with a title and a sentence."""
    return render_html_page(title, f"<main><h1>{escape(title)}</h1><p>{escape(text)}</p></main>", status=status)


def render_not_found() -> Reply:
    """Render the 404 for an address without a link."""
    return render_notice("Nothing here", "No link has this address.", 404)


STOP_PAGES = {
    "paused": ("This link is paused", "Its owner may activate it again later.", 404),
    "blocked": ("This link is blocked", "It was reported as harmful and no longer works.", 403),
    "expired": ("This link has ended", "Its end date has passed, or it has had all its clicks.", 410),
    "nowhere": ("This link does not work", "Its destination cannot be opened.", 404),
}


def render_stopped(word: str) -> Reply:
    """Render the reason why a click stops."""
    return render_notice(*STOP_PAGES[word])


def build_redirect(url: str, status: int, *, clean: bool = False) -> Reply:
    """Build a redirect. It has no cache lifetime, so that the next click is counted too."""
    headers = [(b"location", encode_location(url)), NOINDEX]
    if clean:
        headers.append((b"referrer-policy", b"no-referrer"))
    return Reply(b"", b"text/plain; charset=utf-8", status, headers=headers)


def render_password_form(wrong: bool = False) -> Reply:
    """Render the password form of a protected link."""
    sentence = '<p role="alert">That is not the password.</p>' if wrong else ""
    return render_html_page(
        "Password",
        f'<main><h1>This link is protected by a password</h1>{sentence}<form method="post">'
        '<label for="p">Password</label><input id="p" name="password" type="password" required '
        'autocomplete="off" autofocus><button>Go on</button></form></main>',
        status=403 if wrong else 200,
    )


def render_too_many_attempts(seconds: int) -> Reply:
    """Render a 429 after too many password attempts; `seconds` is the Retry-After."""
    reply = render_notice("Too many attempts", "Wait a minute, then try again.", 429)
    reply.headers.append((b"retry-after", str(seconds).encode()))
    return reply


def render_busy() -> Reply:
    """Render a 503: the password was not checked because too many are being checked at the moment."""
    reply = render_notice("Busy", "Many people are opening protected links right now. Try again in a few seconds.", 503)
    reply.headers.append((b"retry-after", str(RETRY_SECONDS).encode()))
    return reply


def render_interstitial(url: str, snippets: list[str], *, coded: bool, sandboxed: bool) -> Reply:
    """Render a page that runs the retargeting snippets, then redirects.

    On a host that also serves other accounts' links the snippets run in a sandbox, without forms, and with cookies and
    storage that last only as long as the page.
    """
    nonce = secrets.token_urlsafe(16)
    csp = (
        (SANDBOX if sandboxed else "")
        + f"default-src 'none'; script-src 'nonce-{nonce}' {hash_for_csp(STORAGE_STUB_SCRIPT)} 'strict-dynamic' "
        "https:; style-src 'unsafe-inline' *; "
        "img-src * data:; connect-src *; frame-src *; font-src *; base-uri 'none'; frame-ancestors 'none'"
    )
    marked = "".join(add_nonce(wrap_in_script_tag(snippet), nonce) for snippet in snippets)
    if sandboxed:
        marked = f"<script>{STORAGE_STUB_SCRIPT}</script>{marked}"
    safe_url = escape(url)
    hidden = f' data-coded="{base64.b64encode(encode_location(url)).decode()}"' if coded else ""
    link = f'<a id="go" href="{safe_url}" data-wait="600"{hidden} rel="noreferrer">Go on</a>'
    body = f'<main><p>One moment … {link}</p></main>{marked}<script nonce="{nonce}">{FORWARD_SCRIPT}</script>'
    head = f'<noscript><meta http-equiv="refresh" content="1;url={safe_url}"></noscript>'
    return render_html_page("One moment", body, csp=csp, head=head)


def add_nonce(html: str, nonce: str) -> str:
    """Add the nonce to script tags that have none, so that they may run under the page's policy."""
    return SCRIPT_TAG.sub(
        lambda tag: tag[0] if "nonce=" in tag[1].lower() else f'<script nonce="{nonce}"{tag[1]}', html
    )


def wrap_in_script_tag(snippet: str) -> str:
    """Wrap a snippet in a script tag unless it has one; people paste it either way."""
    return snippet if "<" in snippet and "script" in snippet.lower() else f"<script>{snippet}</script>"


def render_link_as_referrer(url: str) -> Reply:
    """Render a page that redirects, so that the destination sees the link as its referrer."""
    safe_url = escape(url)
    reply = render_html_page(
        "One moment",
        f'<main><p><a id="go" href="{safe_url}" data-wait="0">Go on</a></p></main>',
        script=FORWARD_SCRIPT,
        head=f'<noscript><meta http-equiv="refresh" content="0;url={safe_url}"></noscript>',
    )
    reply.headers.append((b"referrer-policy", b"unsafe-url"))
    return reply


def render_iframe(url: str, title: str, *, coded: bool, sandboxed: bool) -> Reply:
    """Render the destination in an iframe at the link's own address; sandboxed on a host that accounts share."""
    safe_url = escape(url)
    source = f'data-coded="{base64.b64encode(encode_location(url)).decode()}"' if coded else f'src="{safe_url}"'
    source += f' sandbox="{FRAME_SANDBOX}"' if sandboxed else ""
    policy = (
        f"default-src 'none'; style-src {hash_for_csp(STYLE)}; frame-src http: https:; base-uri 'none'; "
        "form-action 'none'"
    )
    if coded:
        policy += f"; script-src {hash_for_csp(DECODE_FRAME_SCRIPT)}"
    return render_html_page(
        title or "…",
        f'<iframe id="page" {source} title="{escape(title or "page")}" referrerpolicy="origin"></iframe>',
        script=DECODE_FRAME_SCRIPT if coded else "",
        csp=policy,
    )


@lru_cache(maxsize=2000)
def build_qr_code(address: str, svg: bool, scale: int) -> bytes:
    """Draw the QR code of an address as SVG or PNG."""
    out = BytesIO()
    segno.make(address, error="m", micro=False).save(out, kind="svg" if svg else "png", scale=scale, border=4)
    return out.getvalue()


def build_qr_reply(address: str, svg: bool, scale: int) -> Reply:
    """Build the reply with a QR code, which may be cached for a day."""
    kind = b"image/svg+xml" if svg else b"image/png"
    headers = [(b"cache-control", b"public, max-age=86400"), (b"content-security-policy", b"default-src 'none'")]
    return Reply(build_qr_code(address, svg, min(40, max(1, scale))), kind, 200, headers=headers, cached=True)
