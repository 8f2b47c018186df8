"""Every built-in network through onnxruntime, against the same in NumPy and float64."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from scaling_search.architecture.network import Network
from scaling_search.baselines.load import names
from scaling_search.export.formats.onnx import OPSET, files, logits
from scaling_search.export.job import Job
from scaling_search.export.layers import layers
from tests.export.cases import Case, case, relative, small


def job(given: Case, **more: object) -> Job:
    weights = tuple(zip(layers(given.network), given.layers, strict=True))
    return Job(network=given.network, weights=weights, about="", **more)  # type: ignore[arg-type]


def first(images: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


@pytest.mark.parametrize("name", names())
def test_every_built_in_network_has_its_numbers_in_onnxruntime(name: str) -> None:
    given = case(small(name))
    found = logits(files(job(given)), first(given.images))
    assert found.dtype == np.float32 and found.shape == given.logits.shape
    assert given.logits.std(axis=0).max() > 0.01 * np.abs(given.logits).max(), "logits hardly see the image"
    assert relative(found, given) < 1e-5


def test_the_batch_is_of_any_size_and_the_opset_is_current() -> None:
    given = case(small("lenet-5"), count=3)
    written = files(job(given))
    model = onnx.load_from_string(written["model.onnx"])
    (opset,) = model.opset_import
    assert opset.version == OPSET == min(28, onnx.defs.onnx_opset_version())
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    for count in (1, 3):
        found = logits(written, first(given.images[:count]))
        assert np.abs(found - given.logits[:count]).max() < 1e-5 * np.abs(given.logits).max()


def test_normalisation_in_the_model_takes_pixels() -> None:
    given = case(small("lenet-5"))
    mean, std = np.array([33.0], np.float32), np.array([78.5], np.float32)
    written = files(job(given, normalise=(mean, std)))
    assert relative(logits(written, first(given.images * std + mean)), given) < 1e-5


@pytest.mark.parametrize("size", [2, 3, 4, 5])
def test_response_norms_have_our_window_for_every_size(size: int) -> None:
    network = small("alexnet")
    table = network.model_dump(exclude_defaults=True)
    for one in (table["stem"]["layers"][0], table["stages"][0]):
        one["response_norm"] = {"size": size, "alpha": 2.0, "k": 0.5}
    given = case(Network.model_validate(table))
    assert relative(logits(files(job(given)), first(given.images)), given) < 1e-5
