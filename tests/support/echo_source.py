"""A frame source that writes what it was asked for into the frames."""

import numpy as np


class EchoSource:
    """Pixels 0 to 3 of the first row: x (um), y (um), exposure (ms), flux (per cent)."""

    def __init__(self):
        self.beam_size = None
        self.threshold_ev = None

    def frames(self, x_um, y_um, exposure_s, *, threshold_ev, beam_size, flux_factor):
        self.beam_size, self.threshold_ev = beam_size, threshold_ev
        frames = np.zeros((len(x_um), 195, 487), dtype=np.int32)
        frames[:, 0, 0] = np.rint(x_um)
        frames[:, 0, 1] = np.rint(y_um)
        frames[:, 0, 2] = round(1e3 * exposure_s)
        frames[:, 0, 3] = round(100 * flux_factor)
        return frames

    def i0_counts(self, exposure_s, n):
        return np.full(n, round(1e6 * exposure_s))

    def mask(self):
        return np.array([3, 500, 70000])
