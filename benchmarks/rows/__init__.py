"""Rows of the table, a module a family; :data:`FAMILIES` is the order they are printed in.

A family is a module here with ``rows(settings: Settings) -> Iterator[Row]``. It runs in a process
of its own, so that neither memory nor threads of one meet another, and gives its rows as they are
done: one that raises loses only what comes after.
"""

#: Name, which is that of the module, and what ``--list`` says of it.
FAMILIES: dict[str, str] = {
    "scan": "an event with agent and store, and idle beam, beside bare and in-line scans",
    "points": "exact match against dwell: two passes, sparse, raster, random, gpCAM",
    "asking": "time of a question against measured points, and how fast it grows",
    "kinetics": "a posterior after every frame and at the end, beside emcee and dynesty",
    "spectra": "XAFS reduction beside xraylarch",
    "replay": "a stored run given out again, beside plain Tiled",
    "start": "from the command to its answer, import, and installed size",
    "frames": "frames a second from the detector to the labelled map",
    "scale": "what 10⁶ patterns, 10⁵ events and 10³ runs cost beside a few; Dask workers",
}
