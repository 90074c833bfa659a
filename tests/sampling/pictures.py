"""Small pictures and packages of them, made in memory for the import tests."""

import io
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image


def pixels(seed: int = 0, *, width: int = 12, height: int = 8) -> Image.Image:
    """Noise that no encoder can shorten into another picture."""
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def encoded(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def png(seed: int = 0, *, width: int = 12, height: int = 8) -> bytes:
    return encoded(pixels(seed, width=width, height=height))


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb_png(side: int) -> bytes:
    """A few kilobytes that unpack into side x side black pixels."""
    row = zlib.compressobj(9)
    body = b"".join(row.compress(b"\0" * (1 + side // 8)) for _ in range(min(side, 4000)))
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", body + row.flush())
        + chunk(b"IEND", b"")
    )


def bomb_webp(side: int) -> bytes:
    """Only a header that promises a huge canvas."""
    canvas = (side - 1).to_bytes(3, "little") * 2
    frame = encoded(pixels(), "WEBP", lossless=True)[12:]
    body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\x00\0\0\0" + canvas + frame
    return b"RIFF" + struct.pack("<I", len(body)) + body


def bomb_jpeg(side: int) -> bytes:
    """A small JPEG whose frame header lies about its size."""
    data = bytearray(encoded(pixels(), "JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", side, side)
    return bytes(data)


def animated(kind: str) -> bytes:
    frames = [pixels(i) for i in range(3)]
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:])


def write_folder(root: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def write_zip(path: Path, files: dict[str, bytes], *, kind: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path
