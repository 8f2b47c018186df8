"""What the import of a set met: what was taken, converted and left out, and what is the same. Kept with the set."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Size = tuple[int, int]  # height and width, pixels
# How an image of another shape is brought to the size stored: padded with its edge, cut about its centre, stretched.
Fit = Literal["pad", "crop", "squash"]

# What can happen to an image on its way in.
Change = Literal[
    "orientation",
    "transparency",
    "palette",
    "cmyk",
    "lab",
    "profile",
    "profile unreadable",
    "exif unreadable",
    "depth",
    "channels first",
    "first frame",
    "grey to colour",
    "colour to grey",
    "padded",
    "cropped",
    "squashed",
    "enlarged",
    "reduced",
    "one colour",
]


class Kept(BaseModel):
    """A table that is kept with a set as JSON, and read only where every key and type is as it was written."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Sizes(Kept):
    """Sizes met, as the images are seen: how many different ones, the extremes by area, the commonest."""

    different: int
    smallest: Size
    largest: Size
    commonest: Size
    commonest_images: int


class LeftOut(Kept):
    """Files that were not taken for one reason: how many, and the first few, relative to the folder."""

    count: int
    examples: tuple[str, ...]

    def words(self, reason: str) -> str:
        """How many and which: "2 no image (.txt) (a.txt, b.txt)"."""
        more = ", …" if self.count > len(self.examples) else ""
        return f"{self.count:,} {reason} ({', '.join(self.examples)}{more})"


class Duplicates(Kept):
    """Images that are the same, pixel by pixel as they are stored (or nearly, by their perceptual hash).

    `images` lie in `sets` of the same image; of the sets, `across_splits` have images in more than one of train,
    validation and test, and `across_classes` have more than one label. `repeated_test` counts test images that are
    in train or validation too, `repeated_validation` validation images that are in train. `examples`: a few sets,
    each by the files' names, those across splits or classes first.
    """

    images: int = 0
    sets: int = 0
    across_splits: int = 0
    across_classes: int = 0
    repeated_test: int = 0
    repeated_validation: int = 0
    examples: tuple[tuple[str, ...], ...] = ()


class Summary(Kept):
    """Everything that an import met. `converted` counts images; one image can be in several counts.

    `layout` says how classes and splits were found, `splits` how each split was made, `depth` how values of more than
    8 bits were scaled; `warnings` are what image libraries said, once per kind; `notes` is all else that a user should
    know. `near` counts images that are nearly the same and not exactly so; None: they were not looked for.
    """

    layout: str = ""
    splits: str = ""
    depth: str | None = None
    files: int = 0
    sizes: Sizes | None = None
    converted: dict[Change, int] = {}
    left_out: dict[str, LeftOut] = {}
    duplicates: Duplicates = Duplicates()
    near: Duplicates | None = None
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
