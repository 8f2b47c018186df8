"""Text from outside (studies, folders, class names, ledger rows) made harmless for each place it can reach.

A renderer passes every string through exactly one of these; nothing else may write text out.
"""

from __future__ import annotations

import html
import re

# ECMA-48 sequences, in their 7-bit and 8-bit forms. An unterminated string loses only its introducer, so that
# a stray byte cannot hide the rest of a name.
_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"  # OSC, DCS, SOS, PM, APC
    r"|\x1b[ -/]*[0-~]?"
)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]#|~$])")
# The signs of the field, for LaTeX and in ASCII.
_SIGNS = {
    "α": (r"$\alpha$", "alpha"),
    "β": (r"$\beta$", "beta"),
    "γ": (r"$\gamma$", "gamma"),
    "φ": (r"$\varphi$", "phi"),
    "×": (r"$\times$", "x"),
    "÷": (r"$\div$", "/"),
    "±": (r"$\pm$", "+/-"),
    "·": (r"$\cdot$", "*"),
    "²": ("$^2$", "^2"),
    "≤": (r"$\leq$", "<="),
    "≥": (r"$\geq$", ">="),
    "≈": (r"$\approx$", "~"),
    "→": (r"$\rightarrow$", "->"),
    "–": ("--", "-"),
    "—": ("---", "-"),
    "−": ("$-$", "-"),
    "…": (r"\ldots{}", "..."),
    "─": ("─", "-"),
}
_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': r"\symbol{34}",
        "`": r"\textasciigrave{}",
        "[": "{[}",  # after a row's \\ a bare bracket would be read as its optional argument
        "]": "{]}",
        **{sign: latex for sign, (latex, _) in _SIGNS.items()},
    }
)
_PLAIN = str.maketrans({sign: plain for sign, (_, plain) in _SIGNS.items()})


def clean(text: str) -> str:
    r"""One printable line: escape sequences, control, zero-width and direction characters removed.

    >>> clean("\x1b[31mred\x1b[0m\nroses\u202e")
    'red roses'
    """
    if text.isprintable():
        return text
    return "".join(map(_printable, _SEQUENCE.sub("", text)))


def _printable(character: str) -> str:
    if character.isprintable():
        return character
    if character.isspace():
        return " "
    import unicodedata

    # Lone surrogates cannot be encoded; unassigned and private ones are shown as unknown.
    hidden = character < "\xa0" or unicodedata.category(character) == "Cf"
    return "" if hidden else "\N{REPLACEMENT CHARACTER}"


def for_html(text: str) -> str:
    """Text for HTML or SVG, in an element or a quoted attribute."""
    return html.escape(clean(text), quote=True)


def for_markdown(text: str) -> str:
    r"""Text for a GitHub-flavoured table cell or paragraph.

    >>> for_markdown("a|b <script>")
    'a\\|b &lt;script&gt;'
    """
    return _MARKDOWN.sub(r"\\\1", html.escape(clean(text), quote=False))


def for_latex(text: str) -> str:
    r"""Text for LaTeX's text mode.

    >>> for_latex("50 % of α_1")
    '50 \\% of $\\alpha$\\_1'
    """
    escaped = clean(text).translate(_LATEX)
    return escaped.replace(r"\textasciicircum{}$\varphi$", r"$^\varphi$")  # 2^φ


def for_csv(text: str) -> str:
    """Text for a CSV cell (quoting is the csv module's); what a spreadsheet would run as a formula gets an apostrophe.

    Semicolons separate cells in some locales, so that a formula could start after one too. Source: OWASP, "CSV
    Injection".

    >>> for_csv("=1+1"), for_csv("-1.5"), for_csv("a;@b")
    ("'=1+1", '-1.5', "a;'@b")
    """
    line = clean(text)
    if _NUMBER.fullmatch(line):
        return line
    return ";".join(f"'{part}" if part.lstrip().startswith(_FORMULA) else part for part in line.split(";"))


def for_rich(text: str) -> str:
    """Text for a place that reads rich's markup (a progress bar's description, say)."""
    from rich.markup import escape

    return escape(clean(text))


def for_terminal(text: str, encoding: str = "utf-8") -> str:
    """Text for a terminal: what its encoding lacks is spelled out, so that its width is known before it is set.

    >>> for_terminal("α ± 2", "ascii"), for_terminal("1 – 2 ± 3", "cp1252"), for_terminal("漢", "ascii")
    ('alpha +/- 2', '1 – 2 ± 3', '?')
    """
    return encodable(clean(text), encoding)


def encodable(text: str, encoding: str) -> str:
    """Text that an encoding has letters for: the words of the field in ASCII where it lacks Greek or signs.

    >>> encodable("α ± 2", "utf-8"), encodable("α ± 2", "ascii")
    ('α ± 2', 'alpha +/- 2')
    """
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_PLAIN).encode(encoding, "replace").decode(encoding)
    return text


def commands(line: str) -> tuple[tuple[str, bool], ...]:
    """A line in parts, each with whether it is code: commands and names of options stand between backticks.

    >>> commands("Next: `scaling-search scale`")
    (('Next: ', False), ('scaling-search scale', True))
    """
    parts = line.split("`")
    if len(parts) % 2 == 0:
        return ((line, False),)
    return tuple((part, bool(number % 2)) for number, part in enumerate(parts) if part)
