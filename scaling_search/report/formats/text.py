"""Tables for a terminal: fitted to its width by splitting between columns, never by cutting a number."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from scaling_search.report.escape import clean
from scaling_search.report.figures import integer
from scaling_search.report.table import Column, Document, Emphasis, Table

GAP = 2
_STYLES: dict[Emphasis, str] = {"plain": "", "strong": "bold", "faint": "dim"}
_WORDS = re.compile(r" *[^ ]+ *| +")
# Lists such as "1-2-2-3" may also break after a hyphen; the sign of a number has no word before it.
_PIECES = re.compile(r"[^ ]+?(?<=\w)[-/](?=[^ ])|[^ ]+ *| +")
_NARROW = 12  # a text column is folded down to this before it moves to the next block


def render(document: Document, *, width: int = 80, color: bool = False) -> str:
    """The document's facts, tables and notes, in at most ``width`` columns where numbers allow it."""
    parts = []
    if document.title:
        parts.append(_bold(document.title, width, color))
    facts = [f"{key.replace('_', ' ')}: {clean(_fact(value))}" for key, value in document.facts.items()]
    if facts:
        parts.append("\n".join(line for fact in facts for line in _wrap(fact, width)))
    parts += [render_table(table, width=width, color=color).rstrip("\n") for table in document.tables]
    if document.notes:
        parts.append("\n".join(_notes(document.notes, width)))
    return "\n\n".join(parts) + "\n"


def render_table(table: Table, *, width: int = 80, color: bool = False) -> str:
    """One table: title, blocks of columns (each with the columns that identify a row), notes."""
    columns = table.visible
    titles = [clean(column.title) for column in columns]
    extra = 0 if table.reference is None else 1
    shown = len(table.rows) if table.most is None else min(table.most, len(table.rows))
    cells = [[clean(cell) for cell in row] for row in table.texts(columns)[: shown + extra]]
    emphasis: list[Emphasis] = [row.emphasis for row in table.all_rows[: shown + extra]]
    widths = _Widths(columns, titles, cells, width)
    lines = [_bold(table.title, width, color)] if table.title else []
    for number, block in enumerate(widths.blocks()):
        if number:
            lines.append("")
        lines += _block(block, columns, titles, cells, emphasis, color)
    if not cells:
        lines.append("(no rows)")
    if shown < len(table.rows):
        lines.append(f"… and {integer(len(table.rows) - shown)} more rows; csv and json have all")
    lines += _notes(table.notes, width)
    return "\n".join(lines) + "\n"


class _Widths:
    """Which columns stand together, and how wide each is."""

    def __init__(
        self, columns: Sequence[Column], titles: Sequence[str], cells: Sequence[Sequence[str]], width: int
    ) -> None:
        self.columns, self.width = columns, width
        self.natural = []
        for i, title in enumerate(titles):
            words = max((_cells(word) for word in title.split(" ")), default=1)
            self.natural.append(max([words, 1, *(_cells(row[i]) for row in cells)]))
        self.keys = [i for i, column in enumerate(columns) if column.identifies]
        for i in self.keys:
            if columns[i].align == "left":
                self.natural[i] = min(self.natural[i], max(_NARROW, width // 3))

    def blocks(self) -> list[list[tuple[int, int]]]:
        """Blocks of (column, width): the identifying columns, then as many of the others as fit, in order."""
        keys = [(i, self.natural[i]) for i in self.keys]
        start = sum(w + GAP for _, w in keys)
        blocks: list[list[tuple[int, int]]] = []
        block, used = list(keys), start
        for i, column in enumerate(self.columns):
            if i in self.keys:
                continue
            room = self.width - used
            if len(block) > len(keys) and not self._fits(column, i, room):
                blocks.append(block)
                block, used = list(keys), start
                room = self.width - used
            wide = self.natural[i]
            if column.align == "left" and wide > room:
                wide = max(room, min(_NARROW, wide))
            block.append((i, wide))
            used += wide + GAP
        if len(block) > len(keys) or not blocks:
            blocks.append(block)
        return [self._in_order(block) for block in blocks]

    def _fits(self, column: Column, i: int, room: int) -> bool:
        least = self.natural[i] if column.align == "right" else min(self.natural[i], 2 * _NARROW)
        return least <= room

    @staticmethod
    def _in_order(block: list[tuple[int, int]]) -> list[tuple[int, int]]:
        return sorted(block)


def _block(
    block: Sequence[tuple[int, int]],
    columns: Sequence[Column],
    titles: Sequence[str],
    cells: Sequence[Sequence[str]],
    emphasis: Sequence[Emphasis],
    color: bool,
) -> list[str]:
    def lines(row: Sequence[str], *, words: bool = False) -> list[str]:
        return _lines([(row[i], wide, columns[i].align) for i, wide in block], words=words)

    header = lines(titles, words=True)
    rule = (" " * GAP).join("─" * wide for _, wide in block)
    out = [_styled(line, "bold", color) for line in header]
    out.append(_styled(rule, "dim", color))
    for row, kind in zip(cells, emphasis, strict=True):
        out += [_styled(line, _STYLES[kind], color) for line in lines(row)]
    return out


def _lines(cells: Sequence[tuple[str, int, str]], *, words: bool) -> list[str]:
    folded = [
        _wrap(text, wide, _WORDS if words else _PIECES)
        if words or (align == "left" and _cells(text) > wide)
        else [text]
        for text, wide, align in cells
    ]
    height = max((len(lines) for lines in folded), default=0)
    out = []
    for level in range(height):
        parts = []
        for (_, wide, align), lines in zip(cells, folded, strict=True):
            # Headers stand on the rule; cells hang from the row's first line.
            at = level - (height - len(lines)) if words else level
            text = lines[at] if 0 <= at < len(lines) else ""
            pad = " " * (wide - _cells(text))
            parts.append(text + pad if align == "left" else pad + text)
        out.append((" " * GAP).join(parts).rstrip())
    return out


def _wrap(text: str, width: int, pieces: re.Pattern[str] = _WORDS) -> list[str]:
    """Lines of at most ``width``, broken between pieces; a piece wider than that is broken where it must."""
    lines, line = [], ""
    for piece in pieces.findall(text):
        if line and _cells(line) + _cells(piece.rstrip(" ")) > width:
            lines.append(line.rstrip(" "))
            line = ""
        rest = piece
        while _cells(rest.rstrip(" ")) > width:
            cut = _fitting(rest, width)
            lines.append(rest[:cut])
            rest = rest[cut:]
        line += rest
    lines.append(line.rstrip(" "))
    return lines


def _fitting(text: str, width: int) -> int:
    used = 0
    for i, character in enumerate(text):
        used += _cells(character)
        if used > width:
            return max(1, i)
    return len(text)


def _notes(notes: Iterable[str], width: int) -> list[str]:
    out = []
    for note in notes:
        first, *rest = _wrap(clean(note), max(20, width - 2))
        out += [f"· {first}", *(f"  {line}" for line in rest)]
    return out


def _cells(text: str) -> int:
    """Columns on a terminal: wide characters take two."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _bold(text: str, width: int, color: bool) -> str:
    return "\n".join(_styled(line, "bold", color) for line in _wrap(clean(text), width))


def _styled(text: str, style: str, color: bool) -> str:
    if not color or not style or not text:
        return text
    from rich.color import ColorSystem
    from rich.style import Style

    return Style.parse(style).render(text, color_system=ColorSystem.STANDARD)


def _fact(value: object) -> str:
    return "–" if value is None else str(value)
