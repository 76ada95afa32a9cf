"""Time of one spectrum's reduction, ours and, where it is installed, xraylarch's.

Run with one BLAS thread, on the folder of measured spectra::

    OPENBLAS_NUM_THREADS=1 python benchmarks/xafs.py ../shared/data/xafs
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from operando.agents.exafs import BackgroundConfig, Exafs, fourier_transform, remove_background
from operando.agents.exafs_paths import PathFitConfig, PathModel
from operando.agents.peak_fit import fit_peak, voigt
from operando.agents.xanes import normalise
from operando.agents.xanes_lcf import LinearCombination, ReferenceLibrary
from operando.agents.xas_foil import align_foil
from operando.agents.xas_spectra import read_spectrum
from operando.physics.xafs_paths import scattering_path

PATHS = ("ni_o", "ni_m", "ni_m2", "ni_m_m")
TRUTH = np.array([1.98, 2.85, 4.94, 5.70, 0.007, 0.006, 0.008, 0.010, 0.85, 2.0])


def milliseconds(call: Callable[[], object], rounds: int) -> float:
    call()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


def oxide(model: PathModel) -> Exafs:
    k = 0.05 * np.arange(260)
    noise = np.random.default_rng(0).normal(0, 1e-3, k.size)
    return Exafs(k, model.chi(np.maximum(k, 0.05), TRUTH) + noise, k, 8333.0, "oxide")


def ours(folder: Path) -> dict[str, float]:
    nickel, feo, fe2o3 = (
        read_spectrum(folder / name) for name in ("ni_metal_rt.xdi", "feo_rt1.xdi", "fe2o3_rt1.xmu")
    )
    normal = normalise(nickel)
    library = ReferenceLibrary({"feo": normalise(feo), "fe2o3": normalise(fe2o3)})
    combination, spectrum = LinearCombination(library), normalise(feo)
    model = PathModel(PathFitConfig(PATHS, r_min=1.0, r_max=6.0))
    exafs, measured = oxide(model), remove_background(normal)
    x = np.arange(13.0, 17.0, 0.0615)
    y = np.random.default_rng(0).poisson(voigt(x, 15.03, 3000.0, 0.12, 0.10) + 50.0)
    sigma = np.sqrt(np.maximum(y, 1))
    background = BackgroundConfig(rebin=False)
    return {
        "normalisation with E0": milliseconds(lambda: normalise(nickel), 100),
        "foil alignment": milliseconds(lambda: align_foil(nickel, nickel, element="Ni"), 50),
        "linear combination": milliseconds(lambda: combination.fit(spectrum), 300),
        "background": milliseconds(lambda: remove_background(normal, background), 100),
        "transform": milliseconds(lambda: fourier_transform(measured), 100),
        "four-path fit": milliseconds(lambda: model.fit(exafs), 30),
        "003 peak": milliseconds(lambda: fit_peak(x, y, sigma), 50),
    }


def larch_times(folder: Path, scratch: Path) -> dict[str, float]:
    from larch import Group
    from larch.fitting import param, param_group
    from larch.math import lincombo_fit
    from larch.xafs import (
        autobk,
        feffit,
        feffit_dataset,
        feffit_transform,
        feffpath,
        pre_edge,
        xftf,
    )

    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "agents"))
    from test_exafs import feff_file

    nickel, feo, fe2o3 = (
        normalise(read_spectrum(folder / name))
        for name in ("ni_metal_rt.xdi", "feo_rt1.xdi", "fe2o3_rt1.xmu")
    )
    groups = [
        Group(energy=s.energy, mu=s.mu, norm=s.norm, e0=s.e0, filename=s.name)
        for s in (feo, feo, fe2o3)
    ]
    groups[0].filename = "data"
    group = Group()
    keywords = {"e0": nickel.e0, "edge_step": nickel.edge_step, "rbkg": 1.0, "kweight": 2}
    exafs = oxide(PathModel(PathFitConfig(PATHS, r_min=1.0, r_max=6.0)))
    transform = feffit_transform(
        kmin=2.0, kmax=11.5, dk=1.0, window="hanning", kweight=3, rmin=1.0, rmax=6.0
    )

    files = {name: feff_file(scattering_path(name), scratch) for name in PATHS}

    def fit() -> None:
        free, listed = {"s02": 0.9, "de0": 0.0}, []
        for name, file in files.items():
            free |= {f"dr_{name}": 0.0, f"ss_{name}": 0.006}
            variables = {"deltar": f"dr_{name}", "sigma2": f"ss_{name}", "s02": "s02", "e0": "de0"}
            listed.append(feffpath(file, label=name, **variables))
        data = feffit_dataset(
            data=Group(k=exafs.k, chi=exafs.chi), transform=transform, paths=listed
        )
        feffit(param_group(**{n: param(v, vary=True) for n, v in free.items()}), data)

    span = {"xmin": feo.e0 - 20.0, "xmax": feo.e0 + 60.0}
    times = {
        "normalisation with E0": milliseconds(
            lambda: pre_edge(nickel.energy, nickel.mu, group=Group()), 20
        ),
        "linear combination": milliseconds(
            lambda: lincombo_fit(groups[0], groups[1:], sum_to_one=False, **span), 20
        ),
        "background": milliseconds(
            lambda: autobk(nickel.energy, nickel.mu, group=group, **keywords), 20
        ),
    }
    times["transform"] = milliseconds(
        lambda: xftf(group.k, group.chi, group=group, kmin=2, kmax=11.5, dk=1, kweight=3), 50
    )
    times["four-path fit"] = milliseconds(fit, 5)
    return times


def main() -> None:
    import tempfile

    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data/xafs")
    mine, theirs = ours(folder), {}
    try:
        with tempfile.TemporaryDirectory() as scratch:
            theirs = larch_times(folder, Path(scratch))
    except ImportError as error:
        print(f"xraylarch is not installed (extra larch): {error}")
    print(f"{'median, ms':24}{'operando':>10}{'xraylarch':>12}")
    for name, value in mine.items():
        other = f"{theirs[name]:12.2f}" if name in theirs else f"{'-':>12}"
        print(f"{name:24}{value:10.3f}{other}")
    shared = [name for name in mine if name in theirs]
    if shared:
        ours_3, theirs_3 = (3 * sum(times[name] for name in shared) for times in (mine, theirs))
        print(f"{'three edges, these steps':24}{ours_3:10.1f}{theirs_3:12.1f}")
    total = 3 * sum(mine.values()) - 2 * mine["003 peak"]
    print(f"{'three edges and a peak':24}{total:10.1f}{'-':>12}  (500 ms is the limit)")


if __name__ == "__main__":
    main()
