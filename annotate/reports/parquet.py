"""Writes rows as Parquet, batch by batch: plain values, gzip, one page a column and batch.

Own, since pyarrow is 150 MB and pandas holds strings otherwise where it is installed. It must not
know studies. Source: the Apache Parquet format 2.10 and Thrift's compact protocol.
"""

import json
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from typing import Any, Literal, NamedTuple, Protocol

Kind = Literal["text", "bool", "int", "list"]
BATCH = 5000
_MAGIC = b"PAR1"
# Numbers that the format gives to physical types, repetition, converted types and codecs.
_TYPES: Mapping[Kind, int] = {"bool": 0, "int": 2, "text": 6, "list": 6}
_REQUIRED, _REPEATED = 0, 2
_UTF8, _LIST = 0, 3
_PLAIN, _RLE = 0, 3
_UNCOMPRESSED, _GZIP = 0, 2
_I32, _I64, _BINARY, _LIST_OF, _STRUCT = 5, 6, 8, 9, 12


class Bytes(Protocol):
    """What bytes are written to."""

    def write(self, data: bytes, /) -> object: ...


class _Chunk(NamedTuple):
    """One column of one batch, as the footer tells it."""

    name: str
    kind: Kind
    values: int
    offset: int
    uncompressed: int
    compressed: int


def write_parquet(
    rows: Iterable[Mapping[str, Any]],
    columns: Mapping[str, Kind],
    *,
    file: Bytes,
    compress: bool = True,
    batch: int = BATCH,
) -> int:
    """Write the rows; how many. Memory is that of one batch.

    Texts are UTF-8; values that are neither text, number nor list are written as JSON.
    """
    offset, groups, total = len(_MAGIC), [], 0
    file.write(_MAGIC)
    for taken in _batches(iter(rows), batch):
        chunks = []
        for name, kind in columns.items():
            data, count = _page([row[name] for row in taken], kind)
            packed = _gzip(data) if compress else data
            head = _page_header(len(data), len(packed), count)
            file.write(head + packed)
            chunks.append(
                _Chunk(name, kind, count, offset, len(head) + len(data), len(head) + len(packed))
            )
            offset += len(head) + len(packed)
        groups.append((chunks, len(taken)))
        total += len(taken)
    foot = _footer(columns, groups, rows=total, codec=_GZIP if compress else _UNCOMPRESSED)
    file.write(foot + struct.pack("<I", len(foot)) + _MAGIC)
    return total


def _batches(rows: Iterator[Mapping[str, Any]], size: int) -> Iterator[list[Mapping[str, Any]]]:
    while taken := list(islice(rows, size)):
        yield taken


def _gzip(data: bytes) -> bytes:
    # Gzip without a name and a time: equal rows, equal bytes.
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    return packer.compress(data) + packer.flush()


def _page(values: Sequence[Any], kind: Kind) -> tuple[bytes, int]:
    """The page's body and how many values it says it has."""
    if kind == "int":
        return struct.pack(f"<{len(values)}q", *values), len(values)
    if kind == "bool":
        bits = bytearray(-(-len(values) // 8))
        for place, value in enumerate(values):
            bits[place // 8] |= bool(value) << place % 8
        return bytes(bits), len(values)
    if kind == "text":
        return b"".join(map(_text, values)), len(values)
    # A list starts at repetition 0; an empty one is defined at level 0 and holds nothing.
    repetition = [int(place > 0) for value in values for place in range(max(len(value), 1))]
    definition = [int(bool(value)) for value in values for _ in range(max(len(value), 1))]
    inner = b"".join(_text(text) for value in values for text in value)
    return _levels(repetition) + _levels(definition) + inner, len(repetition)


def _text(value: Any) -> bytes:
    text = value if isinstance(value, str) else _json(value)
    data = text.encode()
    return struct.pack("<I", len(data)) + data


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _levels(levels: list[int]) -> bytes:
    """Run lengths of ones and zeros."""
    runs = b"".join(
        _varint(sum(1 for _ in same) << 1) + bytes([level]) for level, same in groupby(levels)
    )
    return struct.pack("<I", len(runs)) + runs


def _varint(n: int) -> bytes:
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def _int(n: int) -> bytes:
    return _varint(n << 1)  # zigzag; nothing here is negative


def _binary(text: str) -> bytes:
    data = text.encode()
    return _varint(len(data)) + data


def _list(kind: int, elements: Sequence[bytes]) -> bytes:
    n = len(elements)
    head = bytes([n << 4 | kind]) if n < 15 else bytes([0xF0 | kind]) + _varint(n)
    return head + b"".join(elements)


def _struct(*fields: tuple[int, int, bytes]) -> bytes:
    """Fields as (number, type, value), in the order of their numbers."""
    out, last = bytearray(), 0
    for number, kind, value in fields:
        out += bytes([(number - last) << 4 | kind]) + value
        last = number
    return bytes(out) + b"\0"


def _page_header(uncompressed: int, compressed: int, values: int) -> bytes:
    data = _struct(
        (1, _I32, _int(values)),
        (2, _I32, _int(_PLAIN)),
        (3, _I32, _int(_RLE)),
        (4, _I32, _int(_RLE)),
    )
    return _struct(
        (1, _I32, _int(0)),
        (2, _I32, _int(uncompressed)),
        (3, _I32, _int(compressed)),
        (5, _STRUCT, data),
    )


def _footer(
    columns: Mapping[str, Kind],
    groups: Sequence[tuple[list[_Chunk], int]],
    *,
    rows: int,
    codec: int,
) -> bytes:
    schema = [_struct((4, _BINARY, _binary("schema")), (5, _I32, _int(len(columns))))]
    for name, kind in columns.items():
        schema += _schema(name, kind)
    return _struct(
        (1, _I32, _int(1)),
        (2, _LIST_OF, _list(_STRUCT, schema)),
        (3, _I64, _int(rows)),
        (4, _LIST_OF, _list(_STRUCT, [_group(chunks, n, codec=codec) for chunks, n in groups])),
        (6, _BINARY, _binary("triptych")),
    )


def _schema(name: str, kind: Kind) -> list[bytes]:
    title = (4, _BINARY, _binary(name))
    required, text = (3, _I32, _int(_REQUIRED)), (6, _I32, _int(_UTF8))
    physical = (1, _I32, _int(_TYPES[kind]))
    if kind == "text":
        return [_struct(physical, required, title, text)]
    if kind != "list":
        return [_struct(physical, required, title)]
    one = (5, _I32, _int(1))
    return [
        _struct(required, title, one, (6, _I32, _int(_LIST))),
        _struct((3, _I32, _int(_REPEATED)), (4, _BINARY, _binary("list")), one),
        _struct(physical, required, (4, _BINARY, _binary("element")), text),
    ]


def _group(chunks: Sequence[_Chunk], rows: int, *, codec: int) -> bytes:
    return _struct(
        (1, _LIST_OF, _list(_STRUCT, [_chunk(chunk, codec=codec) for chunk in chunks])),
        (2, _I64, _int(sum(chunk.uncompressed for chunk in chunks))),
        (3, _I64, _int(rows)),
    )


def _chunk(chunk: _Chunk, *, codec: int) -> bytes:
    path = [chunk.name, "list", "element"] if chunk.kind == "list" else [chunk.name]
    data = _struct(
        (1, _I32, _int(_TYPES[chunk.kind])),
        (2, _LIST_OF, _list(_I32, [_int(_PLAIN), _int(_RLE)])),
        (3, _LIST_OF, _list(_BINARY, [_binary(part) for part in path])),
        (4, _I32, _int(codec)),
        (5, _I64, _int(chunk.values)),
        (6, _I64, _int(chunk.uncompressed)),
        (7, _I64, _int(chunk.compressed)),
        (9, _I64, _int(chunk.offset)),
    )
    return _struct((2, _I64, _int(chunk.offset)), (3, _STRUCT, data))
