"""Bytes from a stranger into plain RGB pixels, the same way for every method, or a refusal.
It must know neither Django nor where pictures are kept."""

import hashlib
import io
import struct
import warnings
import zlib

import numpy as np
from PIL import Image, ImageCms, UnidentifiedImageError

from annotate.sampling.refusals import Refused

MAX_SIDE = 4096
MAX_BYTES = 20 * 1024 * 1024
FORMATS = ("PNG", "JPEG", "WEBP")
# Where a picture is transparent the ground of the judging screen shows through: mid grey.
BACKDROP = (0x76, 0x76, 0x76)

# Pillow refuses at open above twice this and warns above it; we refuse both.
Image.MAX_IMAGE_PIXELS = MAX_SIDE * MAX_SIDE

# What Pillow's readers raise on damaged or hostile bytes (found by fuzzing, see the tests).
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    MemoryError,
    struct.error,
    zlib.error,
    Warning,
)
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION = 0x0112
_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
_OTHER_TYPES = (
    (b"gif8", "a GIF"),
    (b"<svg", "an SVG"),
    (b"<?xml", "an XML or SVG file"),
    (b"<!doctype html", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"%pdf", "a PDF"),
    (b"pk\x03\x04", "a zip"),
    (b"bm", "a BMP"),
    (b"ii*\0", "a TIFF"),
    (b"mm\0*", "a TIFF"),
    (b"\x1f\x8b", "a gzip file"),
)


def decode(data: bytes) -> Image.Image:
    """The picture as RGB in sRGB, upright, without metadata.

    The type is found by decoding; a file's name is never asked. EXIF orientation is applied, an
    embedded ICC profile is converted to sRGB, greys and palettes become RGB, 16-bit channels keep
    their high byte, and transparency is laid over `BACKDROP`.

    Raises:
        Refused: not PNG, JPEG or WebP; animated; above 4096 x 4096 pixels or 20 MB; damaged.
    """
    if not data:
        raise Refused("is empty (0 bytes).", "Add the picture again.")
    if len(data) > MAX_BYTES:
        raise Refused(
            f"is larger than {MAX_BYTES // 2**20} MB.", "Save it smaller, for every method alike."
        )
    _pillow_warnings_are_errors()
    try:
        return _decode(data)
    except Refused:
        raise
    except UnidentifiedImageError as error:
        if data.startswith(_SIGNATURES) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP"):
            raise _damaged("its header makes no sense") from error
        raise Refused(
            f"is not a PNG, JPEG or WebP picture{_what_instead(data)}.",
            "Export it as PNG, JPEG or WebP.",
        ) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large() from error
    except _BROKEN as error:
        raise _damaged(_in_brief(error)) from error


def content_digest(pixels: Image.Image) -> str:
    """SHA-256 over size and RGB bytes: equal pictures are equal whatever encoder wrote them."""
    if pixels.mode != "RGB":
        raise ValueError(f"mode {pixels.mode!r}; only RGB has a digest. Decode the picture first.")
    seen = hashlib.sha256(f"RGB {pixels.width}x{pixels.height}\n".encode())
    seen.update(pixels.tobytes())
    return seen.hexdigest()


def _decode(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
        _check_size(*picture.size)
        if getattr(picture, "n_frames", 1) > 1:
            raise Refused(
                f"is animated ({picture.n_frames} frames).",  # type: ignore[attr-defined]
                "Give one still picture.",
            )
        if picture.format == "PNG":
            # Reading pixels stops at the last row; only this walks to the end of the file.
            with Image.open(io.BytesIO(data), formats=("PNG",)) as whole:
                whole.verify()
        picture.load()
        profile = picture.info.get("icc_profile")
        orientation = picture.getexif().get(_ORIENTATION, 1)
        pixels = _to_rgb(picture, profile)
    turn = _TURNS.get(orientation) if isinstance(orientation, int) else None
    return pixels if turn is None else pixels.transpose(turn)


def _check_size(width: int, height: int) -> None:
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise _too_large(f"{width} x {height}")


def _damaged(why: str) -> Refused:
    return Refused(f"is damaged or cut short ({why}).", "Copy or export it again.")


def _too_large(size: str = "") -> Refused:
    given = f"is {size} pixels" if size else "has too many pixels"
    return Refused(
        f"{given}; at most {MAX_SIDE} x {MAX_SIDE} are allowed.",
        "Scale it down, for every method alike.",
    )


def _to_rgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    picture.info.pop("icc_profile", None)
    if picture.mode in {"I;16", "I;16B", "I;16L", "I"}:
        high = np.asarray(picture).astype(np.int64).clip(0, 0xFFFF) >> 8
        picture = Image.fromarray(high.astype(np.uint8))
    alpha: Image.Image | None = None
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        alpha = picture.getchannel("A")
    if picture.mode not in {"RGB", "L", "CMYK"}:
        picture = picture.convert("RGB")
    pixels = _to_srgb(picture, profile) if profile else picture.convert("RGB")
    if alpha is not None:
        ground = Image.new("RGB", pixels.size, BACKDROP)
        ground.paste(pixels, mask=alpha)
        pixels = ground
    # Pillow writes what it finds here into the next file it saves.
    pixels.info.clear()
    return pixels


def _to_srgb(picture: Image.Image, profile: bytes) -> Image.Image:
    """Convert by the embedded profile; one that says sRGB in other words changes nothing."""
    try:
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            picture.mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        if picture.mode == "RGB":
            # Rounding must not tell the same picture with and without an sRGB profile apart.
            lattice = _lattice()
            moved = np.asarray(ImageCms.applyTransform(lattice, transform), dtype=np.int16)
            if int(np.abs(moved - np.asarray(lattice, dtype=np.int16)).max()) <= 1:
                return picture.copy()
        converted = ImageCms.applyTransform(picture, transform)
    except (ImageCms.PyCMSError, OSError) as error:
        raise Refused(
            f"has a colour profile that cannot be applied ({_in_brief(error)}).",
            "Save it in sRGB without a profile.",
        ) from error
    if converted is None:
        raise Refused("has a colour profile that cannot be applied.", "Save it in sRGB.")
    return converted


def _lattice() -> Image.Image:
    steps = np.linspace(0, 255, 17).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1)
    return Image.fromarray(np.ascontiguousarray(grid.reshape(17, 17 * 17, 3)))


def _pillow_warnings_are_errors() -> None:
    """Filters belong to the whole process and `catch_warnings` is not for threads: set once."""
    known = any(
        action == "error" and module is not None and getattr(module, "pattern", "") == r"PIL\."
        for action, _, _, module, _ in warnings.filters
    )
    if not known:
        warnings.filterwarnings("error", module=r"PIL\.")


def _what_instead(data: bytes) -> str:
    start = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for mark, name in _OTHER_TYPES:
        if start.startswith(mark):
            return f" but {name}"
    return " but text" if start.isascii() and b"\0" not in start else ""


def _in_brief(error: BaseException) -> str:
    """The decoder's words in one short line; object addresses and buffers say nothing to people."""
    words = " ".join(str(error).split())
    if not words or "<_io" in words or " at 0x" in words:
        words = type(error).__name__
    return words[:80]
