"""Tables as LaTeX: ``booktabs`` rules, shrunk to the text's width where wider, over pages where longer."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from scaling_search.report.escape import commands, for_latex
from scaling_search.report.table import Column, Document, Table

PAGE = 40  # rows
WIDE = 16  # characters; a longer text column may break its lines

_HEAD = r"""% \usepackage{array,booktabs,graphicx,longtable}"""


def render(document: Document) -> str:
    """A fragment to \\input; its first line says which packages it needs. Facts are LaTeX comments."""
    parts = [_HEAD]
    if document.title:
        parts[0] += f"\n% {for_latex(document.title)}"
    for key, value in document.facts.items():
        parts[0] += f"\n% {for_latex(key)}: {for_latex(str(value))}"
    if document.answer:
        lines = r"\\".join(_answer(line) for line in document.answer)
        parts.append(rf"{{\raggedright {lines}\par}}")
    for table in document.all_tables:
        parts.append(_long(table) if len(table.all_rows) > PAGE else _float(table))
    if notes := (*document.notes, *document.details.notes):
        parts.append("\n".join(_note(note) for note in notes))
    return "\n\n".join(parts) + "\n"


def _answer(line: str) -> str:
    return "".join(
        rf"\texttt{{{for_latex(part)}}}" if code else for_latex(part) for part, code in commands(line)
    )


def _float(table: Table) -> str:
    columns = table.seen(details=True)
    return "\n".join(
        (
            r"\begin{table}[htbp]",
            rf"\centering\caption{{{for_latex(table.title)}}}\label{{tab:{table.name}}}",
            r"\footnotesize\setlength{\tabcolsep}{3pt}",
            r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
            rf"\begin{{tabular}}{{{_layout(table, columns)}}}",
            r"\toprule",
            _titles(table, columns),
            r"\midrule",
            *_body(table, columns),
            r"\bottomrule",
            r"\end{tabular}}",
            *(_note(note) for note in table.notes),
            r"\end{table}",
        )
    )


def _long(table: Table) -> str:
    columns = table.seen(details=True)
    return "\n".join(
        (
            r"{\scriptsize\setlength{\tabcolsep}{3pt}",
            rf"\begin{{longtable}}{{{_layout(table, columns)}}}",
            rf"\caption{{{for_latex(table.title)}}}\label{{tab:{table.name}}}\\",
            r"\toprule",
            _titles(table, columns),
            r"\midrule",
            r"\endhead",
            r"\bottomrule",
            r"\endlastfoot",
            *_body(table, columns),
            r"\end{longtable}",
            *(_note(note) for note in table.notes),
            "}",
        )
    )


def _layout(table: Table, columns: Sequence[Column]) -> str:
    texts = table.texts(tuple(columns))
    kinds = []
    for i, column in enumerate(columns):
        wide = max((len(row[i]) for row in texts), default=0) > WIDE
        kinds.append(
            "r" if column.align == "right" else r">{\raggedright\arraybackslash}p{2.6cm}" if wide else "l"
        )
    return "".join(kinds)


def _titles(table: Table, columns: tuple[Column, ...]) -> str:
    """Titles folded to the width of what stands under them: an unbroken one would set the column's width."""
    texts = table.texts(columns)
    cells = []
    for i, column in enumerate(columns):
        wide = max([8, *(min(len(row[i]), 2 * WIDE) for row in texts)])
        lines = [for_latex(line) for line in textwrap.wrap(column.title, wide, break_long_words=False)] or [
            ""
        ]
        side = "r" if column.align == "right" else "l"
        stack = r"\\".join(lines)
        cells.append(stack if len(lines) == 1 else rf"\shortstack[{side}]{{{stack}}}")
    return " & ".join(cells) + r" \\"


def _body(table: Table, columns: tuple[Column, ...]) -> list[str]:
    lines = []
    for row, texts in zip(table.all_rows, table.texts(columns), strict=True):
        lines.append(_line(texts, bold=row.emphasis == "strong"))
        if row is table.reference:
            lines.append(r"\midrule")
    return lines


def _line(texts: Sequence[str], *, bold: bool = False) -> str:
    cells = (for_latex(text) for text in texts)
    return " & ".join(rf"\textbf{{{cell}}}" if bold and cell else cell for cell in cells) + r" \\"


def _note(note: str) -> str:
    return rf"\par{{\raggedright\footnotesize {for_latex(note)}\par}}"
