"""Results in a notebook: a fragment of HTML, and a pandas frame where pandas is installed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from scaling_search.errors import DeviceError
from scaling_search.report.table import Document

if TYPE_CHECKING:
    from pandas import DataFrame


class Shown:
    """A result that has a `document`: its answer, and itself in a notebook."""

    @property
    def document(self) -> Document:
        """Answer, tables and details."""
        raise NotImplementedError

    @property
    def answer(self) -> str:
        """The answer in at most three lines."""
        return "\n".join(self.document.answer)

    def _repr_html_(self) -> str:
        return fragment(self.document)


def fragment(document: Document) -> str:
    """A document as HTML to stand inside of another page: tables and sentences, names escaped, no script."""
    from scaling_search.report.formats import html

    return html.body(document)


def frame(records: Sequence[dict[str, Any]]) -> DataFrame:
    """Records as a pandas frame. Errors: DeviceError without pandas."""
    try:
        import pandas as pd
    except ImportError as error:
        raise DeviceError("to_dataframe() needs pandas: pip install pandas") from error
    return pd.DataFrame(records)
