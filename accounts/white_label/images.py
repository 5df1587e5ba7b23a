"""Uploaded images: recognized by their content, bounded in bytes and pixels, and encoded anew.

What is stored was written by us from decoded pixels, so nothing else that a file contained is ever served.
"""

from __future__ import annotations

import hashlib
from io import BytesIO

from django.core.exceptions import ValidationError
from PIL import Image, ImageOps
from PIL.JpegImagePlugin import JpegImageFile

from accounts.white_label.models import BrandFileKind

FORMATS = ("PNG", "JPEG", "WEBP", "GIF")  # not SVG, which can be a program, nor ICO, which says its size too late
MAX_BYTES = 512 * 1024
MAX_PIXELS = 4_000_000
MIN_SIDE = 16
# A progressive JPEG is decoded scan by scan, and a small file can have thousands of them; programs write about ten
JPEG_SCAN, MAX_SCANS = b"\xff\xda", 100
LOGO_BOX = (600, 120)  # pixels; pages show it 26 high, mails 28
ICON_SIDE = 128
NO_IMAGE = "This is not an image that can be read. Use a PNG, JPEG, WebP or GIF file."
TOO_MANY_PIXELS = f"The image has more than {MAX_PIXELS // 1_000_000} million pixels."
TOO_MANY_BYTES = f"The file is larger than {MAX_BYTES // 1024} KB."


def encode_image(kind: BrandFileKind, data: bytes) -> bytes:
    """Decode an uploaded image and encode it as the PNG of its kind. Raises ValidationError for `content`."""
    try:
        image = _decode(data)
    except ValidationError as error:
        raise ValidationError({"content": error.messages}) from error
    fitted = _fit_logo(image) if kind == BrandFileKind.LOGO else _fit_icon(image)
    clean = Image.new("RGBA", fitted.size)  # without metadata
    clean.paste(fitted)
    out = BytesIO()
    clean.save(out, "PNG", optimize=True)
    return out.getvalue()


def compute_version(body: bytes) -> str:
    """Compute the version of an image: the first digits of a hash of it."""
    return hashlib.sha256(body).hexdigest()[:16]


def _decode(data: bytes) -> Image.Image:
    """Decode the first picture of a file. Its size is read before a pixel is, so that no bomb is unpacked."""
    if len(data) > MAX_BYTES:
        raise ValidationError(TOO_MANY_BYTES)
    try:
        image = Image.open(BytesIO(data), formats=FORMATS)
        width, height = image.size
    except Image.DecompressionBombError as error:
        raise ValidationError(TOO_MANY_PIXELS) from error
    except Exception as error:  # which one a broken file causes depends on its format
        raise ValidationError(NO_IMAGE) from error
    if width * height > MAX_PIXELS:
        raise ValidationError(TOO_MANY_PIXELS)
    if isinstance(image, JpegImageFile) and data.count(JPEG_SCAN) > MAX_SCANS:  # MPO, JPEGs of two pictures, too
        raise ValidationError(NO_IMAGE)
    if min(width, height) < MIN_SIDE:
        raise ValidationError(f"The image is smaller than {MIN_SIDE} pixels.")
    try:
        return ImageOps.exif_transpose(image).convert("RGBA")
    except Exception as error:
        raise ValidationError(NO_IMAGE) from error


def _fit_logo(image: Image.Image) -> Image.Image:
    """Scale a logo down into its box."""
    image.thumbnail(LOGO_BOX, Image.Resampling.LANCZOS)
    return image


def _fit_icon(image: Image.Image) -> Image.Image:
    """Scale an image to a square, with transparent stripes where it is not one."""
    return ImageOps.pad(image, (ICON_SIDE, ICON_SIDE), Image.Resampling.LANCZOS, color=(0, 0, 0, 0))
