"""Every reader of files, with good files to begin from."""

import io
import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np

from support.mutations import mutated, mutated_arrays


@dataclass
class Reader:
    """A reader of files.

    Parameters
    ----------
    name, suffix : str
    read : callable
        Given a path; raises an OperandoError for what is no such file.
    good : list of bytes
        Files that it reads.
    cost : float
        About how long it takes, ms: dear ones get fewer inputs.
    mutate : callable
    """

    name: str
    suffix: str
    read: Callable
    good: list
    cost: float = 0.3
    mutate: Callable = field(default=mutated)


def _lines(*columns, head="", separator=" "):
    rows = (separator.join(f"{value:.6g}" for value in row) for row in zip(*columns, strict=True))
    return (head + "\n".join(rows) + "\n").encode()


def text_readers():
    """Readers of tables and other text."""
    from operando.agents.kinetics_table import read_signal
    from operando.agents.pattern_files import read_patterns
    from operando.agents.poni_files import Geometry
    from operando.agents.regression_table import published_path, read_table
    from operando.agents.xas_spectra import read_spectrum
    from operando.ingesting.positions import Positions
    from operando.physics.crystals import STRUCTURES, from_cif
    from operando.stations.station_file import built_in_stations, parse_station_file
    from operando.stations.toml_reader import read_text
    from support.cif import cif_text

    angle = np.linspace(10.0, 40.0, 30)
    counts = np.round(50.0 + 400.0 * np.exp(-((angle - 25.0) ** 2)))
    xy = _lines(angle, counts, head="# 2theta counts\n")
    xye = _lines(angle, counts, np.sqrt(counts))
    tabbed = xye.replace(b" ", b"\t")
    table = _lines(angle, counts, counts[::-1], head="two_theta,a,b\n", separator=",")
    energy = np.linspace(6900.0, 7500.0, 60)
    mu = 0.3 + 1.0 / (1.0 + np.exp(-(energy - 7112.0) / 3.0))
    xdi = b"# XDI/1.0\n# Column.1: energy eV\n# Column.2: mutrans\n# Element.symbol: Fe\n#----\n"
    i0 = np.full(60, 1e5)
    time = np.arange(20.0)
    poni = (
        b"poni_version: 2.1\nDetector: Detector\n"
        b'Detector_config: {"pixel1": 0.000172, "pixel2": 0.000172, "max_shape": [40, 40], '
        b'"orientation": 3}\n'
        b"Distance: 0.153\nPoni1: 0.004\nPoni2: 0.004\nRot1: 0.2\nRot2: 0.0\nRot3: 0.0\n"
        b"Wavelength: 1.23984e-10\n"
    )
    regress = published_path().read_bytes()
    cifs = [cif_text(STRUCTURES[name]).encode() for name in ("fe_bcc", "fe3o4")]
    places = _lines(time % 5, time // 5, time + 100, head="x,y,i0\n", separator=",")
    stations = [path.read_bytes() for path in built_in_stations().values()]
    files = [f"{n}.tif" for n in range(20)]
    pattern = {"wavelength": 1.2}
    return [
        Reader("pattern .xy", ".xy", lambda p: read_patterns(p, **pattern), [xy, table], 0.2),
        Reader(
            "pattern .xye",
            ".xye",
            lambda p: read_patterns(p, **pattern),
            [xye, tabbed],
            0.2,
        ),
        Reader("pattern .csv", ".csv", lambda p: read_patterns(p, **pattern), [table, xy], 0.25),
        Reader("PONI", ".poni", Geometry.from_poni, [poni, poni.replace(b"2.1", b"2")], 20.0),
        Reader(
            "spectrum",
            ".xdi",
            read_spectrum,
            [
                xdi + _lines(energy, mu),
                _lines(energy, i0, i0 * np.exp(-mu), head="# energy i0 i1\n"),
                _lines(energy / 1e3, mu, head="energy_keV,mu\n", separator=","),
            ],
            0.15,
        ),
        Reader("regression table", ".csv", lambda p: read_table(p, "Potential"), [regress], 0.8),
        Reader(
            "kinetics table",
            ".csv",
            read_signal,
            [
                _lines(time, time**0.5, head="time,value\n", separator=","),
                _lines(time, time, time + 1.0, separator=","),
            ],
            0.1,
        ),
        Reader("CIF", ".cif", from_cif, cifs, 0.3),
        Reader(
            "station", ".toml", lambda p: parse_station_file(read_text(p), str(p)), stations, 1.0
        ),
        Reader("positions", ".csv", lambda p: Positions.read(p, files).grid(), [places], 0.2),
    ]


def kept_readers(folder):
    """Readers of what operando itself keeps in text: labels, journal, requests, metadata."""
    from operando.agents.label_store import LabelStore
    from operando.interactive.metadata import StoredMetadata
    from operando.store.journal import JournalFile, read, seal
    from operando.store.places import Places
    from operando.store.recovery import close_run
    from operando.store.requests import pending

    label = {
        "run": "a", "point": 3, "x_um": 1.0, "y_um": 2.0, "labels": {"fe3o4": True}, "who": "b",
        "when": "2026-11-21T00:00:00+00:00", "logit": [0.5] * 9,
    }  # fmt: skip
    labels = "".join(json.dumps({**label, "point": n}) + "\n" for n in range(3)).encode()
    documents = [
        ("start", {"uid": "a", "time": 1.0}),
        ("descriptor", {"uid": "d", "name": "primary", "time": 1.1, "data_keys": {}}),
        ("event", {"descriptor": "d", "seq_num": 1, "time": 1.2, "data": {"x": 1.0}}),
        ("stop", {"run_start": "a", "time": 1.3, "exit_status": "success"}),
    ]
    journal = b"".join(seal(n, *document) for n, document in enumerate(documents))
    lines = set(journal.splitlines(keepends=True))

    def recovered(path):
        """Read a journal as a crash may have left it; nothing may be read that was not written."""
        entries = [entry for _, entry in read(path) if entry is not None]
        assert all(entry.line in lines for entry in entries), "a damaged line was read"
        file = JournalFile(path)
        close_run(file, folder / "damaged")
        file.close()

    def requested(path):
        places = Places.of(str(folder / "asked"))
        target = places.root / "requests" / "a.jsonl"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
        pending(SimpleNamespace(name=str(places.root)), places, "a")

    actions = ("pause", "resume", "abort")
    items = [{"action": one, "id": f"i{n}", "time": 1e9 + n} for n, one in enumerate(actions)]
    requests = "".join(json.dumps(item) + "\n" for item in items).encode()
    metadata = json.dumps({"scan_id": 4, "proposal": "x", "versions": {"a": "1"}}).encode()

    def remembered(path):
        kept = StoredMetadata(path)
        dict(kept)
        kept.next_scan_id()

    return [
        Reader("labels of people", ".jsonl", lambda p: LabelStore(p).all(), [labels], 0.1),
        Reader("journal", ".jsonl", recovered, [journal, journal[:200]], 0.3),
        Reader("requests", ".jsonl", requested, [requests], 0.2),
        Reader("metadata", ".json", remembered, [metadata], 0.4),
    ]


def array_readers(folder):
    """Readers of npz files: checkpoints of every agent, models, references."""
    from operando.agents.bayes_opt import BayesOptAgent
    from operando.agents.focus_agent import FocusAgent
    from operando.agents.kinetics_agent import KineticsAgent
    from operando.agents.npz_file import read_arrays
    from operando.agents.phase_classifier import PhaseClassifier
    from operando.agents.phase_mapping import PhaseMappingAgent
    from operando.agents.soc_library import EdgeReferences, SocLibrary
    from operando.agents.soc_stepper import SocStepper
    from operando.agents.xas_spectra import Spectrum
    from support.document_machine import new_agent
    from support.good_runs import frames_file, good_run

    frames = frames_file(folder)

    def written(kind):
        agent = new_agent(kind)
        agent.checkpoint_path = folder / f"{kind}.npz"
        for name, doc in good_run(kind, frames):
            agent(name, doc)
        agent.checkpoint()
        agent.close()
        return [agent.checkpoint_path.read_bytes()]

    def resumed(kind):
        def read(path):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                kind.from_checkpoint(path).close()

        return read

    energy = np.linspace(6400.0, 7100.0, 200)
    foil = Spectrum(energy, 0.3 + 1.0 / (1.0 + np.exp(-(energy - 6539.0) / 2.0)), "foil")
    states = {
        soc: Spectrum(energy, 0.3 + 1.0 / (1.0 + np.exp(-(energy - 6545.0 - soc) / 3.0)), "cell")
        for soc in (0.0, 0.2)
    }
    SocLibrary({"Mn": EdgeReferences("Mn", foil, states)}, 0.1, "made").save(folder / "library.npz")
    library = (folder / "library.npz").read_bytes()
    PhaseClassifier.shipped().save(folder / "model.npz")
    model = (folder / "model.npz").read_bytes()
    plain = io.BytesIO()
    np.savez(plain, a=np.arange(5), b=np.zeros((2, 3)), about=np.array('{"x": 1}'))

    def of(name, kind, what, cost):
        return Reader(name, ".npz", resumed(kind), written(what), cost, mutated_arrays)

    arrays = mutated_arrays
    return [
        Reader("arrays", ".npz", read_arrays, [plain.getvalue()], 2.0, arrays),
        of("checkpoint, mapping", PhaseMappingAgent, "mapping", 6.0),
        of("checkpoint, kinetics", KineticsAgent, "kinetics", 60.0),
        of("checkpoint, battery", SocStepper, "battery", 10.0),
        of("checkpoint, focusing", FocusAgent, "focus", 4.0),
        of("checkpoint, optimiser", BayesOptAgent, "bayes", 4.0),
        Reader("references", ".npz", SocLibrary.load, [library], 12.0, arrays),
        Reader("model", ".npz", PhaseClassifier.load, [model], 30.0, arrays),
    ]


def image_readers(folder):
    """Readers of images, by fabio and HDF5."""
    import fabio.cbfimage
    import fabio.edfimage
    import fabio.tifimage
    import h5py

    from operando.agents.pattern_files import read_patterns

    rng = np.random.default_rng(1)
    y, x = np.mgrid[:40, :40]
    ring = rng.poisson(20.0 + 200.0 * np.exp(-((np.hypot(x, y) - 25.0) ** 2) / 8.0)).astype("<i4")
    poni = folder / "images.poni"
    poni.write_text(
        "poni_version: 2\nDetector: Detector\n"
        'Detector_config: {"pixel1": 0.000172, "pixel2": 0.000172, "max_shape": null}\n'
        "Distance: 0.03\nPoni1: 0.0\nPoni2: 0.0\nRot1: 0.0\nRot2: 0.0\nRot3: 0.0\n"
        "Wavelength: 1.0e-10\n"
    )

    def read(path):
        return read_patterns(path, poni=poni)

    made = []
    for suffix, kind, cost in (
        (".edf", fabio.edfimage.EdfImage, 4.0),
        (".cbf", fabio.cbfimage.CbfImage, 4.0),
        (".tif", fabio.tifimage.TifImage, 4.0),
    ):
        path = folder / f"good{suffix}"
        kind(data=ring).write(str(path))
        made.append(Reader(f"image {suffix}", suffix, read, [path.read_bytes()], 10.0 * cost))
    path = folder / "good.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("entry/data/data", data=np.stack([ring, ring]), chunks=(1, 40, 40))
    with h5py.File(folder / "second.h5", "w", libver="latest") as file:
        file.create_dataset("entry/data/data", data=ring, compression="gzip")
    files = [path.read_bytes(), (folder / "second.h5").read_bytes()]
    return [*made, Reader("image .h5", ".h5", read, files, 60.0)]


#: Readers by what they read; each is given a folder for the files that it needs.
GROUPS = {
    "text": lambda folder: text_readers(),
    "kept": kept_readers,
    "arrays": array_readers,
    "images": image_readers,
}
