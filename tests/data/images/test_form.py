"""The one form of a set: its size, its shape, its channels, and how images of other kinds come to it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from scaling_search.data.images.form import FITS, Form, fit, settle, stored, stored_size
from scaling_search.data.images.pixels import Look, Pixels
from scaling_search.errors import InputError, UsageError

sides = st.integers(1, 400)
sizes_of = st.lists(st.tuples(sides, sides), min_size=1, max_size=30)


def looks(*sizes: tuple[int, int], channels: int = 3) -> list[Look]:
    return [Look(height=height, width=width, channels=channels) for height, width in sizes]


def form_of(*sizes: tuple[int, int], **options: object) -> Form:
    return settle(looks(*sizes), [str(size) for size in sizes], **options)


def fitted(values: np.ndarray, form: Form) -> tuple[np.ndarray, set[str]]:
    image, changes = fit(values, form)
    assert image.shape == (*form.size, values.shape[2])
    return image, changes


@pytest.mark.parametrize(
    ("sizes", "size"),
    [
        ([(28, 28)] * 3, (28, 28)),
        ([(20, 30)] * 3, (20, 30)),
        ([(600, 800)] * 3, (256, 341)),
        ([(999, 999), (500, 700)], (256, 256)),
        # One image of another shape decides nothing, in either direction.
        ([(20, 60)] * 119 + [(22, 60)], (20, 60)),
        ([(20, 60)] * 119 + [(60, 20)], (20, 60)),
        ([(1, 60000)] + [(30, 30)] * 2, (30, 30)),
        # Shapes that are nearly one count together: three of about 4:3 against two squares.
        ([(300, 400), (300, 405), (300, 395), (200, 200), (200, 200)], (256, 337)),
        ([(30, 20), (50, 40)], (50, 40)),
    ],
)
def test_the_size_and_shape_of_a_set(sizes: list[tuple[int, int]], size: tuple[int, int]) -> None:
    assert stored_size(sizes)[0] == size
    assert form_of(*sizes, size=12).size == (12, 12)


@given(sizes_of)
def test_the_size_is_near_to_that_of_images_that_there_are(sizes: list[tuple[int, int]]) -> None:
    size, shape = stored_size(sizes)
    assert any(width / height == shape for height, width in sizes)
    assert 1 <= min(size) <= 256
    assert stored_size(sizes[::-1]) == (size, shape)
    alike = [one for one in sizes if abs(np.log(one[1] / one[0] / shape)) <= np.log(1.1) + 1e-6]
    # By far most files of one size: theirs it is.
    usual = max(set(sizes), key=sizes.count)
    if sizes.count(usual) > len(sizes) / 2 and len(alike) == sizes.count(usual) and min(usual) <= 256:
        assert size == usual


@given(sizes_of, st.sampled_from([None, *FITS]), st.sampled_from([None, 8]), st.integers(1, 4))
def test_every_image_comes_to_the_size_of_its_set(
    sizes: list[tuple[int, int]], how: str | None, size: int | None, channels: int
) -> None:
    form = form_of(*sizes, fit=how, size=size).model_copy(update={"channels": channels})
    for height, width in sizes[:4]:
        image, changes = fitted(np.full((height, width, channels), 77, np.uint8), form)
        assert (image == 77).all()  # edges are the image's own: nothing dark comes in
        assert (changes == set()) == ((height, width) == form.size)


@given(st.integers(10, 200), st.integers(10, 200))
def test_ten_per_cent_off_is_squashed_and_more_is_padded(height: int, width: int) -> None:
    form = form_of(*[(100, 150)] * 3, (height, width))
    _, changes = fitted(np.zeros((height, width, 1), np.uint8), form)
    off = max(width / height / 1.5, 1.5 / (width / height))
    assert form.size == (100, 150)
    if off > 1.1 + 1e-6:
        assert "padded" in changes
    elif off < 1.1 - 1e-6:
        assert "padded" not in changes


def test_a_shape_exactly_ten_per_cent_off_is_not_padded() -> None:
    form = form_of(*[(100, 100)] * 3, (100, 110))
    assert fitted(np.zeros((100, 110, 1), np.uint8), form)[1] == {"reduced", "squashed"}
    assert "padded" in fitted(np.zeros((100, 112, 1), np.uint8), form)[1]


@pytest.mark.parametrize("how", [None, "pad"])
def test_padding_loses_nothing(how: str | None) -> None:
    form = form_of(*[(60, 60)] * 9, (20, 60), fit=how)
    values = np.zeros((20, 60, 1), np.uint8)
    values[:, :20], values[:, 40:] = 100, 200
    image, changes = fitted(values, form)
    assert changes == {"padded"}
    assert (image[:, :20] == 100).all()
    assert (image[:, 20:40] == 0).all()
    assert (image[:, 40:] == 200).all()


def test_cropping_keeps_the_middle_and_squashing_all_of_it() -> None:
    values = np.zeros((10, 30, 1), np.uint8)
    values[:, 10:20] = 200
    square = form_of(*[(10, 10)] * 3, (10, 30), fit="crop")
    image, changes = fitted(values, square)
    assert (changes, image.min()) == ({"cropped"}, 200)
    image, changes = fitted(values, square.model_copy(update={"fit": "squash"}))
    assert changes == {"reduced", "squashed"}
    assert image[:, 5].max() == 200 and image[:, 0].max() == image[:, 9].max() == 0


def test_a_size_of_the_users_is_square_and_the_common_shape_is_squashed_into_it() -> None:
    form = form_of(*[(20, 40)] * 3, (40, 20), size=20)
    wide = np.zeros((20, 40, 1), np.uint8)
    assert fitted(wide, form)[1] == {"reduced"}  # as all of its kind: no distortion among them
    assert "padded" in fitted(np.zeros((40, 20, 1), np.uint8), form)[1]


def test_extreme_shapes_take_no_memory() -> None:
    form = form_of(*[(250, 250)] * 3, (1, 100_000))
    image, _ = fitted(np.arange(100_000, dtype=np.int64).astype(np.uint8).reshape(1, -1, 1), form)
    assert (image == image[:1]).all()


def test_scaling_is_pillows_for_every_channel() -> None:
    values = np.random.default_rng(0).integers(0, 256, (9, 12, 5), dtype=np.uint8)
    form = Form(size=(6, 8), channels=5, shape=12 / 9)
    image, _ = fitted(values, form)
    for band in range(5):
        one = Image.fromarray(values[:, :, band]).resize((8, 6), Image.Resampling.BILINEAR)
        assert (image[:, :, band] == np.asarray(one)).all()


def test_enlarged_images_are_said_to_be() -> None:
    form = form_of((20, 20), (20, 20), (10, 10))
    assert fitted(np.zeros((10, 10, 1), np.uint8), form)[1] == {"enlarged"}


@pytest.mark.parametrize(("size", "native"), [(None, None), (20, None), (19, None), (64, 20)])
def test_what_images_really_have_is_remembered_when_they_are_enlarged(
    size: int | None, native: int | None
) -> None:
    assert form_of((20, 30), (20, 30), (90, 90), size=size).native == native


# Channels


@pytest.mark.parametrize(
    ("counts", "wanted", "channels"),
    [
        ([1, 1], None, 1),
        ([3, 3], None, 3),
        ([1, 3], None, 3),
        ([1, 3], 1, 1),
        ([1, 1], 3, 3),
        ([5, 5], None, 5),
        ([5, 5], 5, 5),
    ],
)
def test_channels_of_a_set(counts: list[int], wanted: int | None, channels: int) -> None:
    seen = [Look(height=4, width=4, channels=count) for count in counts]
    form = settle(seen, ["a", "b"], channels=wanted)
    assert form.channels == channels
    for count in counts:
        values = np.full((4, 4, count), 100, np.uint8)
        image, changes = stored(Pixels(values=values, white=255), form)
        assert image.shape == (4, 4, channels)
        assert (image == 100).all()
        assert ("grey to colour" in changes) == (count < channels)
        assert ("colour to grey" in changes) == (count > channels)


def test_channels_that_cannot_be_mixed() -> None:
    seen = [Look(height=4, width=4, channels=count) for count in (3, 5, 3)]
    with pytest.raises(
        InputError, match=r"images of 3 and 5 channels cannot be mixed \(2 of 3 channels, as a; 1"
    ):
        settle(seen, ["a", "b", "c"])
    with pytest.raises(InputError, match="cannot be stored with 4 channels"):
        settle(seen[:1], ["a"], channels=4)
    for wanted in (0, 9):
        with pytest.raises(UsageError, match=f"up to 8, got {wanted}"):
            settle(seen[:1], ["a"], channels=wanted)


@pytest.mark.parametrize("size", [0, -3, 4097])
def test_a_size_that_is_none_is_refused(size: int) -> None:
    with pytest.raises(UsageError, match=f"cannot be stored at {size} pixels; legal are 1 to 4096"):
        form_of((4, 4), size=size)


def test_a_fit_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="fit 'stretch': legal are pad, crop, squash"):
        form_of((4, 4), fit="stretch")


def test_an_image_of_one_colour_is_counted() -> None:
    form = form_of((4, 4), (4, 4))
    assert stored(Pixels(values=np.full((4, 4, 3), 9, np.uint8), white=255), form)[1] == {"one colour"}
