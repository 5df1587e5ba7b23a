"""The text of a body, decoded as browsers do it (HTML standard, "Determining the character encoding")."""

from __future__ import annotations

from w3lib.encoding import html_to_unicode

UTF8 = "utf-8"


def decode_body(body: bytes, content_type: str) -> str:
    """Decode a body by its byte order mark, the charset of its Content-Type, or its `<meta>` or XML declaration, in
    this order; without any of them by its own bytes. Bytes that are wrong in the encoding become U+FFFD. Never raises.
    """
    try:
        encoding, text = html_to_unicode(content_type, body, auto_detect_fun=detect_encoding)
    except (LookupError, UnicodeError):  # the charset names a codec that is not for text, such as base64
        return body.decode(UTF8, errors="replace")
    if encoding.startswith("utf-16") and not may_be_utf16(body, content_type):
        return body.decode(UTF8, errors="replace")
    return str(text)


def may_be_utf16(body: bytes, content_type: str) -> bool:
    """Whether a body can be UTF-16: a `<meta>` that says so was itself read as ASCII, so it is wrong."""
    return body.startswith((b"\xfe\xff", b"\xff\xfe")) or "utf-16" in content_type.lower()


def detect_encoding(body: bytes) -> str:
    """UTF-8, unless most of what is not ASCII would be wrong in it: then the encoding that browsers assume."""
    letters = [letter for letter in body.decode(UTF8, errors="replace") if letter > "\x7f"]
    return "cp1252" if 2 * letters.count("\ufffd") > len(letters) else UTF8
