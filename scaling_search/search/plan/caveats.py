"""What an answer rests on and a reader must not miss: images, resolution, rounding, regularisation, the proxy's cost.

The same sentences stand in a plan, in the grid's answer and in a family's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from scaling_search.architecture.block import Head, Stage, Stem
from scaling_search.architecture.network import Network
from scaling_search.export.transfer import said
from scaling_search.report.figures import count
from scaling_search.scaling.rounding import round_width
from scaling_search.search.plan.budget import cost_at
from scaling_search.search.plan.search_space import base_of
from scaling_search.search.plan.study import Study
from scaling_search.search.plan.study_tables import Proxy
from scaling_search.training import recipe as recipes
from scaling_search.training.recipe import Recipe

# A width that groups moved by more than this is said.
_FAR = 0.15
Wider = Stem | Stage | Head


def initial_weights(recipe: Recipe, remarks: Iterable[str | None]) -> list[str]:
    """What networks took over of the weights that training starts from, by their remarks."""
    found = said(remarks)
    if recipe.initial_weights is None or not found:
        return []
    shares = sorted(taken / tensors for taken, tensors in found)
    has = f"{shares[0]:.0%}" if shares[0] == shares[-1] else f"{shares[0]:.0%} to {shares[-1]:.0%}"
    uneven = (
        "" if shares[0] == shares[-1] else "; one that takes more starts ahead, whatever its shape is worth"
    )
    return [
        f"Training starts from weights {recipe.initial_weights[:12]}: networks take {has} of their tensors from them "
        f"(see Remark), the rest is drawn{uneven}."
    ]


def interpolated(dataset: str, native: int | None, networks: Sequence[Network]) -> list[str]:
    """That images are only enlarged where networks read them above their own size; `native`: their shorter side."""
    over = [network.resolution for network in networks if native and network.resolution > native]
    if not over:
        return []
    some = f"{len(over)} of {count(len(networks), 'network')}"
    return [
        f"{dataset} is stored at {native} px: {some} (up to {max(over)} px) see only interpolated images, which have "
        "no more detail."
    ]


def fixed_resolution(study: Study, networks: Sequence[Network], base: Network) -> list[str]:
    """That the resolution was held, and what met the cost in its place."""
    if study.grid.gamma != (1.0,) or study.grid.match != "realised":
        return []
    moved = sum(network.resolution != base.resolution for network in networks)
    if moved:
        return [f"γ = 1 was asked for, but {moved} of {len(networks)} networks have another resolution."]
    if study.grid.beta == (1.0,):
        return ["β = 1 and γ = 1 alone hold widths and resolution: nothing was adjusted to meet the cost."]
    return ["γ = 1 alone holds the resolution: where the cost was off, widths were adjusted."]


def grouped(network: Network, base: Network, width: float, divisor: int) -> list[str]:
    """Widths that groups, of a part or of the next one, took far from `width` times the base's: not the divisor."""
    found = []
    for place, before, after in _parts(base, network):
        for (was, multiple), (now, _) in zip(_widths(before), _widths(after), strict=True):
            asked = was * width
            free = was if width == 1 else round_width(asked, divisor)
            if multiple > 1 and abs(now / asked - 1) > _FAR and abs(now - asked) > abs(free - asked):
                found.append(f"{place}: groups make a width of {now} where {asked:.0f} was asked")
    return found


def widened(builds: Sequence[tuple[str, Network, float]], base: Network, divisor: int) -> list[str]:
    """How many networks groups moved in width, and an example; each with its name and the width that was asked for."""
    moved = [
        f"{name}: {found[0]}"
        for name, network, width in builds
        if (found := grouped(network, base, width, divisor))
    ]
    some = f"{len(moved)} of {count(len(builds), 'network')}"
    return [f"Groups move widths in {some}, such as {moved[0]}."] if moved else []


def _parts(base: Network, network: Network) -> Iterator[tuple[str, Wider, Wider]]:
    if base.stem is not None and network.stem is not None:
        yield "stem", base.stem, network.stem
    for number, pair in enumerate(zip(base.stages, network.stages, strict=True), start=1):
        yield f"stage {number}", *pair
    yield "head", base.head, network.head


def _widths(part: Wider) -> list[tuple[int, int]]:
    """Each width of a part, and what it must be a multiple of."""
    found = []

    def note(base: int, *, multiple: int = 1) -> int:
        found.append((base, multiple))
        return base

    part.wider(note)
    return found


def regularisation(base: Network) -> list[str]:
    """That drop rates are the base's at every φ."""
    rates = [
        f"{words} {rate:g}"
        for words, rate in (
            ("dropout", getattr(base.head, "dropout", 0.0)),
            ("stochastic depth", base.stochastic_depth),
        )
        if rate
    ]
    return [f"Regularisation is held: {' and '.join(rates)} at every φ."] if rates else []


def costly_proxy(study: Study, base: Network, baseline: Network) -> list[str]:
    """That the proxy costs more than the network that it stands for, and one that costs less."""
    if study.proxy is None:
        return []
    cost, full = (cost_at(one, one.resolution).macs for one in (base, baseline))
    if cost <= full:
        return []
    says = f"The proxy costs {cost / full:.1f} times the network itself (its strides were taken out)"
    cheaper = _cheaper(study, study.proxy, baseline, full)
    return [f"{says}: {cheaper}." if cheaper else f"{says}: search the network itself."]


def _cheaper(study: Study, proxy: Proxy, baseline: Network, full: int) -> str | None:
    for share in (0.75, 0.5, 0.25):
        width = round(proxy.width * share, 3)
        made = study.model_copy(update={"proxy": proxy.model_copy(update={"width": width})})
        network = base_of(made, baseline)
        if cost_at(network, network.resolution).macs < full:
            return f"--proxy-width {width:g} costs less"
    return None


def order_at_full_size(study: Study) -> list[str]:
    """That a proxy's order need not be the network's."""
    if study.proxy is None:
        return []
    return ["The order was found on a proxy: at full size it is open until it was tried."]


def short_training(recipe: Recipe, images: int) -> list[str]:
    """That trials are too short to say more than how fast networks start to learn."""
    said = recipes.too_short(recipe, images)
    return [] if said is None else [f"Trials may be too short: {said}."]
