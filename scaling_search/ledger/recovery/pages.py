"""Reading the records out of a SQLite file's pages without SQLite, for files that SQLite no longer reads.

Every table leaf page of the file is looked at, wherever it hangs in the tree, or if it hangs no more; what looks like a
record is given out. Which of them are rows of ours is for their digests to say: nothing is believed here.
Source: the SQLite file format, https://www.sqlite.org/fileformat2.html, sections 1.6 (pages) and 2.1 (records).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

Field = str | int | float | bytes | None
_LEAVES = {13, *(13 ^ 1 << bit for bit in range(8))}  # the type of a table leaf, also with a bit flipped
_HEADER = 100  # bytes of the file header, on page 1
_INTEGER_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}


def carve(path: Path, *, beyond: bool, page_size: int = 4096) -> Iterator[tuple[Field, ...]]:
    """The records in the file's table leaves: those that the pages count, or those `beyond` the count.

    The latter are rows that a damaged count hides, but also old versions of rows. `page_size` is SQLite's default,
    which ledgers have; no header is asked.
    """
    content = path.read_bytes()
    for start in range(0, len(content), page_size):
        page = content[start : start + page_size]
        head = _HEADER if start == 0 else 0
        if len(page) < page_size or page[head] not in _LEAVES:
            continue
        for cell in _cells(page, head, beyond=beyond):
            try:
                yield _record(_payload(content, page, cell, page_size))
            except (IndexError, ValueError, struct.error, OverflowError):
                continue


def _cells(page: bytes, head: int, *, beyond: bool) -> Iterator[int]:
    """Where a page's cells begin. Beyond their count, pointers go on at most to where the first cell lies."""
    start = head + 8
    (count,) = struct.unpack_from(">H", page, head + 3)
    lowest = len(page)
    for at in range(start, len(page) - 1, 2):
        counted = at < start + 2 * count
        if not counted and (at >= lowest or not beyond):
            return
        (cell,) = struct.unpack_from(">H", page, at)
        if start <= cell < len(page):
            lowest = min(lowest, cell)
            if counted is not beyond:
                yield cell


def _payload(content: bytes, page: bytes, cell: int, page_size: int) -> bytes:
    """A cell's record, put together from its page and its overflow pages."""
    length, at = _varint(page, cell)
    _, at = _varint(page, at)  # the row number
    largest = page_size - 35
    if length <= largest:
        return page[at : at + length]
    smallest = (page_size - 12) * 32 // 255 - 23
    local = smallest + (length - smallest) % (page_size - 4)
    local = local if local <= largest else smallest
    parts, missing = [page[at : at + local]], length - local
    (following,) = struct.unpack_from(">I", page, at + local)
    if missing > len(content):
        raise ValueError("longer than the file")
    while missing > 0:
        begin = (following - 1) * page_size
        if following == 0 or begin + page_size > len(content):
            raise ValueError("its overflow pages lead out of the file")
        (following,) = struct.unpack_from(">I", content, begin)
        parts.append(content[begin + 4 : begin + 4 + min(missing, page_size - 4)])
        missing -= page_size - 4
    return b"".join(parts)


def _record(payload: bytes) -> tuple[Field, ...]:
    size, at = _varint(payload, 0)
    body = size
    fields: list[Field] = []
    while at < size:
        serial, at = _varint(payload, at)
        field, body = _field(payload, serial, body)
        fields.append(field)
    return tuple(fields)


def _field(payload: bytes, serial: int, at: int) -> tuple[Field, int]:
    """One value of a record by its serial type, and where the next begins."""
    if serial == 0:
        return None, at
    if serial in (8, 9):
        return serial - 8, at
    if serial == 7:
        return float(struct.unpack_from(">d", payload, at)[0]), at + 8
    if serial in _INTEGER_BYTES:
        end = at + _INTEGER_BYTES[serial]
        return int.from_bytes(_slice(payload, at, end), "big", signed=True), end
    if serial < 12:
        raise ValueError("a reserved serial type")
    end = at + (serial - 12) // 2
    raw = _slice(payload, at, end)
    return (raw.decode() if serial % 2 else raw), end


def _slice(payload: bytes, start: int, end: int) -> bytes:
    if end > len(payload):
        raise ValueError("a value ends outside its record")
    return payload[start:end]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """SQLite's integer of 1 to 9 bytes, seven bits each (eight in the ninth), and where the next thing begins."""
    value = 0
    for index in range(8):
        byte = data[at + index]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + index + 1
    return value << 8 | data[at + 8], at + 9
