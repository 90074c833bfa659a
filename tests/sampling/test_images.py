"""Rules of decoding strangers' pictures."""

import io
import random
import resource

import numpy as np
import pytest
from PIL import Image, ImageCms

from annotate.sampling.images import BACKDROP, MAX_BYTES, content_digest, decode
from annotate.sampling.refusals import Refused
from tests.sampling import pictures


def digest(data: bytes) -> str:
    return content_digest(decode(data))


def with_orientation(turn: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = turn
    return bytes(exif.tobytes())


@pytest.mark.parametrize(
    "data",
    [
        pictures.encoded(pictures.pixels(5), "WEBP", lossless=True, exact=True),
        pictures.encoded(pictures.pixels(5), "PNG", exif=with_orientation(1), compress_level=9),
        pictures.encoded(pictures.pixels(5).convert("RGBA"), "PNG"),
        pictures.encoded(
            pictures.pixels(5),
            "PNG",
            icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        ),
    ],
    ids=["webp lossless", "png with exif", "png with opaque alpha", "png with an sRGB profile"],
)
def test_the_same_pixels_have_one_digest_whatever_encoder_wrote_them(data: bytes) -> None:
    assert digest(data) == digest(pictures.png(5))


def test_the_digest_is_over_size_and_rgb_bytes() -> None:
    wide = Image.new("RGB", (4, 2), (1, 2, 3))
    tall = Image.new("RGB", (2, 4), (1, 2, 3))
    assert content_digest(wide) != content_digest(tall)
    with pytest.raises(ValueError, match="only RGB"):
        content_digest(Image.new("L", (4, 2)))


def test_a_jpeg_becomes_the_pixels_that_pillow_decodes() -> None:
    data = pictures.encoded(pictures.pixels(2, width=33, height=17), "JPEG", quality=80)
    with Image.open(io.BytesIO(data)) as expected:
        assert decode(data).tobytes() == expected.convert("RGB").tobytes()


def test_exif_orientation_is_applied() -> None:
    upright = pictures.pixels(3)
    for turn, back in {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90}.items():
        data = pictures.encoded(upright.transpose(back), "PNG", exif=with_orientation(turn))
        assert decode(data).tobytes() == upright.tobytes()


def test_transparency_shows_the_mid_grey_ground() -> None:
    clear = Image.new("RGBA", (2, 1), (255, 0, 0, 0))
    clear.putpixel((1, 0), (255, 0, 0, 255))
    seen = decode(pictures.encoded(clear))
    assert [seen.getpixel((x, 0)) for x in (0, 1)] == [BACKDROP, (255, 0, 0)]


def test_palettes_and_greys_become_rgb() -> None:
    grey = Image.new("L", (3, 3), 77)
    palette = Image.new("RGB", (3, 3), (9, 8, 7)).convert("P", palette=Image.Palette.ADAPTIVE)
    assert decode(pictures.encoded(grey)).getpixel((1, 1)) == (77, 77, 77)
    assert decode(pictures.encoded(palette)).getpixel((1, 1)) == (9, 8, 7)


def test_a_transparent_palette_shows_the_ground() -> None:
    palette = Image.new("P", (2, 2), 0)
    palette.putpalette([200, 0, 0, 0, 200, 0])
    data = pictures.encoded(palette, transparency=b"\x00\xff")
    assert decode(data).getpixel((0, 0)) == BACKDROP


def test_sixteen_bit_greys_keep_their_high_byte() -> None:
    deep = Image.fromarray(np.full((2, 2), 0x80FF, dtype=np.uint16))
    assert decode(pictures.encoded(deep)).getpixel((0, 0)) == (0x80, 0x80, 0x80)


def test_cmyk_becomes_rgb() -> None:
    data = pictures.encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=95)
    red, green, blue = decode(data).getpixel((4, 4))  # type: ignore[misc]
    assert red > 240
    assert max(green, blue) < 15


def test_a_wide_gamut_profile_is_converted_to_srgb() -> None:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(swapped_profile())).tobytes()
    data = pictures.encoded(Image.new("RGB", (4, 4), (255, 0, 0)), icc_profile=profile)
    red, green, blue = decode(data).getpixel((0, 0))  # type: ignore[misc]
    assert green > 200 > red
    assert blue < 60


def swapped_profile() -> bytes:
    """sRGB with the red and green primaries exchanged: red pixels must come out green."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = data.index(b"rXYZ"), data.index(b"gXYZ")
    data[red : red + 4], data[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(data)


def test_nothing_but_pixels_is_left() -> None:
    data = pictures.encoded(
        pictures.pixels(1), "JPEG", comment=b"made by teacher", exif=with_orientation(1)
    )
    seen = decode(data)
    assert seen.info == {}
    assert type(seen) is Image.Image
    assert dict(seen.getexif()) == {}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"a text named .png", "but text"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "an SVG"),
        (b"<?xml version='1.0'?><svg/>", "XML or SVG"),
        (b"<!DOCTYPE html><script>alert(1)</script>", "an HTML page"),
        (b"<html>" + pictures.png(), "an HTML page"),
        (pictures.encoded(pictures.pixels(), "GIF"), "a GIF"),
        (b"GIF89a=1;alert(1)//", "a GIF"),
        (pictures.encoded(pictures.pixels(), "BMP"), "a BMP"),
        (pictures.encoded(pictures.pixels(), "TIFF"), "a TIFF"),
        (pictures.encoded(pictures.pixels(), "PDF"), "a PDF"),
        (b"\xff\xd8\xff\xe0", "cut short"),
        (pictures.png()[:40], "cut short"),
        (pictures.png()[:-20], "cut short"),
        (pictures.png()[:-8], "cut short"),
        (pictures.png()[:60] + b"\0\0" + pictures.png()[62:], "cut short"),
        (pictures.encoded(pictures.pixels(width=64, height=64), "JPEG")[:-400], "cut short"),
        (pictures.encoded(pictures.pixels(), "WEBP")[:-30], "cut short"),
        (pictures.animated("PNG"), "animated (3 frames)"),
        (pictures.animated("WEBP"), "animated (3 frames)"),
        (pictures.encoded(pictures.pixels(width=4097, height=1)), "4097 x 1 pixels"),
        (pictures.bomb_png(10_000), "at most 4096 x 4096"),
        (pictures.bomb_png(30_000), "at most 4096 x 4096"),
        (pictures.bomb_jpeg(30_000), "at most 4096 x 4096"),
        (pictures.bomb_webp(16_383), "at most 4096 x 4096"),
        (pictures.encoded(pictures.pixels(), icc_profile=b"x" * 200), "colour profile"),
        (pictures.png() + bytes(MAX_BYTES), "larger than 20 MB"),
    ],
)
def test_what_is_no_still_picture_of_sane_size_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(Refused) as refused:
        decode(data)
    assert says in refused.value.problem
    assert refused.value.remedy


def test_bombs_are_refused_before_they_unpack() -> None:
    bombs = [pictures.bomb_png(side) for side in (10_000, 15_000, 30_000)]
    bombs += [pictures.bomb_jpeg(30_000), pictures.bomb_webp(16_383)]
    assert max(map(len, bombs)) < 20_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for bomb in bombs:
        with pytest.raises(Refused):
            decode(bomb)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 100 * 1024  # kilobytes


def test_text_chunks_that_unpack_without_end_are_refused() -> None:
    import zlib

    text = pictures.chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(5_000_000), 9))
    whole = pictures.png()
    with pytest.raises(Refused, match="damaged"):
        decode(whole[:33] + text + whole[33:])


def test_damaged_bytes_are_refused_or_decoded_but_never_crash() -> None:
    rng = random.Random(7)
    good = [
        pictures.png(1),
        pictures.encoded(pictures.pixels(1), "JPEG", exif=with_orientation(6)),
        pictures.encoded(pictures.pixels(1), "WEBP", exif=with_orientation(6)),
        pictures.encoded(
            pictures.pixels(1), exif=with_orientation(6), icc_profile=swapped_profile()
        ),
    ]
    refused = 0
    for _ in range(800):
        data = bytearray(rng.choice(good))
        for _ in range(rng.randint(1, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            decode(bytes(data))
        except Refused:
            refused += 1
    assert refused > 100
