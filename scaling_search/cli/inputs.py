"""What options and arguments stand for: a study, a recipe, a ledger to read, what is said of weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from scaling_search.cli.groups import Start, changes, in_options
from scaling_search.errors import InputError, UsageError


def study(ledger: str, start: Start, *groups: Any, table: str, newest: bool = False, **more: Any) -> Any:
    """The study of a file or of a name in the ledger, with options in place of its keys.

    Where none is named: the newest in the ledger for those that go on with it (`newest`), unless an option names
    another network or data set; else the packaged one. `table` is the command's own ("grid" or "scale"); `more` are
    changes named as the keys are, with `__` for the dot: `grid__racing = False`. A study from the ledger brings its
    network along (`family.source`). Errors: InputError, also where the baseline's file is another network by now;
    UsageError for an option.
    """
    from scaling_search.search.plan import study as studies
    from scaling_search.search.plan.study_tables import Grid

    given = changes(start, *groups, table=table) | {
        key.replace("__", "."): value for key, value in more.items()
    }

    def changed(known: Any) -> Any:
        try:
            return studies.override(known, given)
        except InputError as error:
            # The file was read before: what is wrong now was given as an option.
            raise UsageError(in_options(str(error), start, *groups, table=table)) from None

    if start.study is not None and _is_file(start.study):
        return changed(studies.read(Path(start.study)))
    continues = newest and given["baseline"] is None and given["dataset.name"] is None
    if (start.study is not None or continues) and exists(ledger):
        known = with_ledger(
            ledger, lambda opened: _from_ledger(opened, start.study, ledger, given["baseline"])
        )
        if known is not None:
            given["baseline"] = None  # the study has it now
            if table == "scale":
                _say_what_stays(known, given)
            return changed(known)
    if start.study is not None:
        raise InputError(f"study {start.study!r}: no such file, and no ledger {ledger} that could have it")
    found = studies.packaged()
    if given["baseline"] is not None:
        # Its tolerances are as coarse as its proxy needs, and the proxy goes.
        usual = Grid()
        kept = {"tolerance": usual.tolerance, "macs_tolerance": usual.macs_tolerance}
        found = found.model_copy(update={"grid": found.grid.model_copy(update=kept)})
    return changed(found)


def _from_ledger(opened: Any, name: str | None, place: str, baseline: str | None) -> Any:
    """The named study, or the newest, with this `baseline`; None where there is none and none was named."""
    from scaling_search.cli.progress import say
    from scaling_search.ledger.storage.schema import STUDIES
    from scaling_search.search.family.source import from_ledger
    from scaling_search.search.tables.study_report import choose

    if name is None and not opened.rows(STUDIES):
        return None
    row = choose(opened, name)
    found = from_ledger(opened, row, baseline=baseline, say=say)
    if name is None:
        say(f"study {row.name}, the newest in {place} (--study names another)")
    return found


def _say_what_stays(known: Any, given: dict[str, Any]) -> None:
    """What of an earlier `scale` is not usual and holds once more, for no option changes it."""
    from scaling_search.architecture.toml import inline
    from scaling_search.cli.progress import say

    unusual = known.scale.model_dump(exclude_defaults=True)
    stays = [
        f"{key} = {inline(value)}" for key, value in unusual.items() if given.get(f"scale.{key}") is None
    ]
    if stays:
        say(f"as this study was last run: {', '.join(stays)} (options change them)")


def recipe(changes: dict[str, Any]) -> Any:
    """The fast recipe with these fields in place of its own. Errors: UsageError for an option."""
    from scaling_search.training import recipe as recipes

    try:
        return recipes.named("fast", **changes)
    except InputError as error:
        raise UsageError(str(error)) from None


def exists(location: str) -> bool:
    """Whether there is a ledger to look into; a database server is taken to have one."""
    from scaling_search.ledger.storage.location import locate

    found = locate(location)
    return not isinstance(found, Path) or (found.exists() and found.stat().st_size > 0)


def with_ledger(location: str, use: Callable[[Any], Any], *, needed: bool = True) -> Any:
    """What `use` makes of the ledger, opened for reading only; or of None, where there is none yet nor needed."""
    if not needed and not exists(location):
        return use(None)
    from scaling_search.ledger.ledger import Ledger
    from scaling_search.ledger.storage.location import NoLedger

    try:
        opened = Ledger.open(location, read_only=True)
    except NoLedger:
        if needed:
            raise
        return use(None)
    with opened:
        return use(opened)


def _is_file(text: str) -> bool:
    return text.endswith(".toml") or "/" in text or Path(text).is_file()


def metadata(mean: str | None, std: str | None, class_names: Path | None) -> Any:
    """What is said of weights from outside. Errors: UsageError, InputError."""
    from scaling_search.export.metadata import Metadata, read_class_names

    return Metadata(
        mean=_numbers("--mean", mean),
        std=_numbers("--std", std),
        class_names=None if class_names is None else read_class_names(class_names),
    )


def _numbers(option: str, text: str | None) -> tuple[float, ...] | None:
    """The numbers of a list such as 124,116,104. Errors: UsageError."""
    from math import isfinite

    if text is None:
        return None
    try:
        found = tuple(map(float, text.split(",")))
    except ValueError:
        found = ()
    if not found or not all(map(isfinite, found)):
        raise UsageError(f"{option} {text}: expected numbers with commas between, as 124,116,104")
    return found
