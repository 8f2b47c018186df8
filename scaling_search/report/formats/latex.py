"""Tables as LaTeX: ``booktabs`` rules, shrunk to the text's width where wider, over pages where longer."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

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
    parts += [_table(table) for table in document.all_tables]
    if notes := (*document.notes, *document.details.notes):
        parts.append("\n".join(_note(note) for note in notes))
    return "\n\n".join(parts) + "\n"


def _answer(line: str) -> str:
    return "".join(
        rf"\texttt{{{for_latex(part)}}}" if code else for_latex(part) for part, code in commands(line)
    )


def _table(table: Table) -> str:
    """A float, or over pages where it is longer than one."""
    columns = table.seen(details=True)
    texts = table.texts(columns)
    layout = _layout(columns, texts)
    caption = rf"\caption{{{for_latex(table.title)}}}\label{{tab:{table.name}}}"
    titles = (r"\toprule", _titles(columns, texts), r"\midrule")
    notes = [_note(note) for note in table.notes]
    if len(texts) > PAGE:
        lines = (
            r"{\scriptsize\setlength{\tabcolsep}{3pt}",
            rf"\begin{{longtable}}{{{layout}}}",
            rf"{caption}\\",
            *titles,
            r"\endhead",
            r"\bottomrule",
            r"\endlastfoot",
            *_body(table, texts),
            r"\end{longtable}",
            *notes,
            "}",
        )
    else:
        lines = (
            r"\begin{table}[htbp]",
            rf"\centering{caption}",
            r"\footnotesize\setlength{\tabcolsep}{3pt}",
            r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
            rf"\begin{{tabular}}{{{layout}}}",
            *titles,
            *_body(table, texts),
            r"\bottomrule",
            r"\end{tabular}}",
            *notes,
            r"\end{table}",
        )
    return "\n".join(lines)


def _layout(columns: Sequence[Column], texts: Sequence[Sequence[str]]) -> str:
    kinds = []
    for i, column in enumerate(columns):
        wide = max((len(row[i]) for row in texts), default=0) > WIDE
        kinds.append(
            "r" if column.align == "right" else r">{\raggedright\arraybackslash}p{2.6cm}" if wide else "l"
        )
    return "".join(kinds)


def _titles(columns: Sequence[Column], texts: Sequence[Sequence[str]]) -> str:
    """Titles folded to the width of what stands under them: an unbroken one would set the column's width."""
    cells = []
    for i, column in enumerate(columns):
        wide = max([8, *(min(len(row[i]), 2 * WIDE) for row in texts)])
        lines = [for_latex(line) for line in textwrap.wrap(column.title, wide, break_long_words=False)]
        side = "r" if column.align == "right" else "l"
        stack = r"\\".join(lines)
        cells.append(stack if len(lines) < 2 else rf"\shortstack[{side}]{{{stack}}}")
    return " & ".join(cells) + r" \\"


def _body(table: Table, texts: Sequence[Sequence[str]]) -> Iterator[str]:
    for row, line in zip(table.all_rows, texts, strict=True):
        cells = (for_latex(text) for text in line)
        bold = row.emphasis == "strong"
        yield " & ".join(rf"\textbf{{{cell}}}" if bold and cell else cell for cell in cells) + r" \\"
        if row is table.reference:
            yield r"\midrule"


def _note(note: str) -> str:
    return rf"\par{{\raggedright\footnotesize {for_latex(note)}\par}}"
