"""Uploaded logos and icons: recognized by content, bounded, encoded anew, and served on the brand's host alone."""

from __future__ import annotations

import struct
import zlib
from base64 import b64encode
from io import BytesIO

import pytest
from django.core import mail
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from accounts.audit.models import AuditEntry
from accounts.branding import find_brand_by_host, load_brand
from accounts.models import Account, Purpose, User
from accounts.services import account_brand_set, brand_file_remove, brand_file_set
from accounts.white_label.images import MAX_BYTES, encode_image
from accounts.white_label.models import BrandFile, BrandFileKind
from tests.support import verify_host
from tests.support.images import draw_image, draw_png
from tests.support.types import Response

HOST = "stats.agency.example"
LOGO, ICON = BrandFileKind.LOGO, BrandFileKind.ICON


@pytest.fixture
def branded(account: Account) -> Account:
    account_brand_set(account=account, host=HOST, name="Agency Numbers", accent="#0a7f5a")
    verify_host(account, HOST, Purpose.BRAND)
    return account


def open_png(body: bytes) -> Image.Image:
    image = Image.open(BytesIO(body))
    assert image.format == "PNG"
    image.load()
    return image


def upload(client: Client, kind: str, body: bytes) -> str:
    """What the page says to an upload."""
    answer = client.post(f"/account/brand/files/{kind}", {"file": SimpleUploadedFile("x", body)}, follow=True)
    return answer.content.decode()


def get_on_host(path: str) -> Response:
    return Client().get(path, headers={"host": HOST})


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_an_image_is_recognized_by_its_content_and_becomes_a_png(kind: str) -> None:
    assert open_png(encode_image(LOGO, draw_image(kind))).size == (64, 32)


def test_logos_are_scaled_down_and_icons_are_square() -> None:
    assert open_png(encode_image(LOGO, draw_png("#123456", (1500, 400)))).size == (450, 120)
    assert open_png(encode_image(LOGO, draw_png("#123456", (2400, 100)))).size == (600, 25)
    icon = open_png(encode_image(ICON, draw_png("#123456", (300, 100))))
    assert icon.size == (128, 128) and icon.getpixel((0, 0)) == (0, 0, 0, 0)
    assert icon.getpixel((64, 64)) == (0x12, 0x34, 0x56, 255)


def test_nothing_but_the_pixels_of_a_file_is_kept() -> None:
    out, words = BytesIO(), PngInfo()
    words.add_text("Comment", "<script>alert(1)</script>")
    Image.new("RGB", (32, 32)).save(out, "PNG", pnginfo=words)
    stored = encode_image(LOGO, out.getvalue() + b"<?php echo 1; ?>")
    assert b"script" not in stored and b"php" not in stored and not open_png(stored).info


def test_a_progressive_jpeg_is_an_image_too() -> None:
    assert open_png(encode_image(ICON, draw_scans(0))).size == (128, 128)
    assert open_png(encode_image(ICON, mark_as_mpo(draw_scans(0)))).size == (128, 128)


def draw_bomb(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes that says it has so many pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\x00" * 1000)), (b"IEND", b"")]
    chunks = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def draw_scans(times: int) -> bytes:
    """A JPEG of a few kilobytes whose last scan is there so many times more: each takes as long to decode."""
    out = BytesIO()
    Image.new("L", (2000, 2000), 128).save(out, "JPEG", progressive=True)
    body = out.getvalue()
    return body[:-2] + body[body.rindex(b"\xff\xda") : -2] * times + body[-2:]


def mark_as_mpo(jpeg: bytes) -> bytes:
    """A JPEG that says it contains two pictures, as files of some cameras do; Pillow has another name for these."""
    entries = struct.pack(">LLLHH", 0x20030000, 100, 0, 0, 0) + struct.pack(">LLLHH", 0, 100, 4, 0, 0)
    fields = ((0xB000, 7, 4, b"0100"), (0xB001, 4, 1, struct.pack(">L", 2)), (0xB002, 7, 32, struct.pack(">L", 50)))
    index = struct.pack(">H", 3) + b"".join(struct.pack(">HHL4s", *field) for field in fields) + bytes(4) + entries
    segment = b"MPF\0MM\0*" + struct.pack(">L", 8) + index
    return jpeg[:2] + b"\xff\xe2" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)" width="64" height="64"></svg>'
REFUSED = {
    "an SVG": (SVG, "not an image"),
    "a page": (b"<html><script>alert(1)</script></html>", "not an image"),
    "nothing": (b"", "not an image"),
    "an ICO": (draw_image("ICO"), "not an image"),
    "a truncated PNG": (draw_png("#123456", (300, 300))[:-200], "not an image"),
    "a truncated JPEG": (draw_image("JPEG", size=(300, 300))[:300], "not an image"),
    "a damaged GIF": (draw_image("GIF")[:20] + b"\xff" * 40, "not an image"),
    "a bomb": (draw_bomb(60_000, 60_000), "million pixels"),
    "a JPEG of a thousand scans": (draw_scans(1000), "not an image"),
    "one that says it is two pictures": (mark_as_mpo(draw_scans(1000)), "not an image"),
    "a missing picture": (draw_bomb(1000, 1000), "not an image"),
    "too many bytes": (draw_png("#123456") + b"\0" * MAX_BYTES, "larger than 512 KB"),
    "a dot": (draw_png("#123456", (8, 8)), "smaller than 16"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_anything_else_is_refused_with_a_sentence(what: str) -> None:
    body, sentence = REFUSED[what]
    for kind in BrandFileKind:
        with pytest.raises(ValidationError, match=sentence):
            encode_image(kind, body)


def test_an_uploaded_logo_replaces_the_address_of_another(branded: Account, alice: User, client: Client) -> None:
    account_brand_set(account=branded, logo="https://agency.example/logo.svg")
    client.force_login(alice)
    assert "Saved." in upload(client, "logo", draw_png("#ff0000"))
    row, brand = BrandFile.objects.get(), find_brand_by_host(HOST)
    assert brand.logo == f"/brand/logo.png?v={row.version}" and brand.mailed_logo == f"http://{HOST}{brand.logo}"
    page = get_on_host("/login").content.decode()
    assert f'<img src="{brand.logo}" alt="Agency Numbers">' in page and "logo.svg" not in page
    answer = get_on_host(brand.logo)
    assert answer["Content-Type"] == "image/png" and "immutable" in answer["Cache-Control"]
    assert open_png(answer.content).size == (64, 32) and "default-src 'none'" in answer["Content-Security-Policy"]
    assert "max-age=60" in get_on_host("/brand/logo.png?v=older")["Cache-Control"]
    assert client.post("/account/brand/files/logo", {"remove": "1"}).status_code == 302
    assert find_brand_by_host(HOST).logo == "https://agency.example/logo.svg" and not BrandFile.objects.exists()


def test_an_icon_is_that_of_the_brands_tabs(branded: Account, alice: User) -> None:
    assert "/brand/icon.png" not in get_on_host("/login").content.decode()
    row = brand_file_set(account=branded, kind=ICON, data=draw_png("#00ff00"))
    assert f'<link rel="icon" href="/brand/icon.png?v={row.version}">' in get_on_host("/login").content.decode()
    assert open_png(get_on_host("/brand/icon.png").content).size == (128, 128)


def test_a_file_is_served_on_its_brands_host_alone(branded: Account, charlie: User) -> None:
    other = charlie.memberships.get().account
    account_brand_set(account=other, host="stats.other.example", name="Other")
    verify_host(other, "stats.other.example", Purpose.BRAND)
    brand_file_set(account=branded, kind=LOGO, data=draw_png("#ff0000"))
    for host in ("testserver", "stats.other.example", "stats.stranger.example"):
        assert Client().get("/brand/logo.png", headers={"host": host}).status_code == 404
    for path in ("/brand/icon.png", "/brand/other.png"):
        assert get_on_host(path).status_code == 404


def test_a_refused_upload_changes_nothing_and_says_why(branded: Account, alice: User, client: Client) -> None:
    client.force_login(alice)
    upload(client, "logo", draw_png("#ff0000"))
    before = BrandFile.objects.get().version
    assert "This is not an image that can be read." in upload(client, "logo", SVG)
    assert "larger than 512 KB" in upload(client, "logo", b"x" * (MAX_BYTES + 1))
    assert "Choose a file." in client.post("/account/brand/files/logo", follow=True).content.decode()
    branded.refresh_from_db()
    assert BrandFile.objects.get().version == before == load_brand(branded).logo.rpartition("=")[2]
    assert client.post("/account/brand/files/banner", {}).status_code == 404


def test_the_page_shows_what_is_uploaded_and_mails_have_its_address(
    branded: Account, alice: User, client: Client
) -> None:
    client.force_login(alice)
    assert 'src="data:image/png;base64,' not in client.get("/account/brand").content.decode()
    upload(client, "logo", draw_png("#ff0000"))
    assert 'src="data:image/png;base64,' in client.get("/account/brand").content.decode()
    assert not mail.outbox


def test_an_upload_is_recorded_by_its_version_and_not_by_its_bytes(branded: Account) -> None:
    row = brand_file_set(account=branded, kind=LOGO, data=draw_png("#ff0000"))
    entry = AuditEntry.objects.filter(action="account.changed").latest("pk")
    assert row.version in str(entry.changes) and "PNG" not in str(entry.changes)
    brand_file_remove(account=branded, kind=LOGO)
    assert row.version not in str(AuditEntry.objects.latest("pk").changes["brand"][1])


def test_programs_upload_and_remove_files_too(branded: Account) -> None:
    program = Client(headers={"authorization": f"Bearer {branded.authkey}"})

    def post(kind: str, content: str) -> Response:
        answer: Response = program.post(f"/api/v1/brand/files/{kind}", {"content": content}, "application/json")
        return answer

    content = b64encode(draw_png("#ff0000")).decode()
    told = post("logo", content)
    assert told.status_code == 200 and told.json() == {"kind": "logo", "version": BrandFile.objects.get().version}
    assert post("logo", "no base64!").status_code == post("logo", b64encode(SVG).decode()).status_code == 400
    assert post("banner", content).status_code == 404
    assert program.delete("/api/v1/brand/files/logo").status_code == 204 and not BrandFile.objects.exists()
