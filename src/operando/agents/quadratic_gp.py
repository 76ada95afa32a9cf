"""A Gaussian process whose functions are the polynomials of second degree."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin

Floats = NDArray[np.float64]

#: Prior standard deviation of each coefficient over the largest value seen.
_PRIOR = 10.0


class QuadraticGP(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Regression by all polynomials of second degree, with the noise of each point given.

    A Gaussian process with the covariance of second-degree polynomials is the same as Bayesian
    regression on them; it is done there, because values from 1 to 1000 with noise in proportion
    leave nothing of a covariance matrix in double precision.

    Parameters
    ----------
    sd : tuple of float
        Standard deviation of each value that it will be fitted to.
    shift : tuple of float, optional
        By how much the function may have drifted since each value: the values are those of the
        function plus so many times a plane, the same for all, whose coefficients are normal.
        When a parabola moves it changes by a plane, so old values keep telling of its shape.

    Examples
    --------
    >>> x = np.linspace(0.0, 1.0, 5)[:, None]
    >>> model = QuadraticGP(sd=(0.01,) * 5).fit(x, (x[:, 0] - 0.3) ** 2)
    >>> mean, sd = model.predict([[0.3]], return_std=True)
    >>> bool(abs(mean[0]) < 0.01), bool(sd[0] < 0.01)
    (True, True)
    """

    def __init__(self, sd: tuple[float, ...] = (), shift: tuple[float, ...] = ()) -> None:
        self.sd = sd
        self.shift = shift

    def fit(self, X: ArrayLike, y: ArrayLike) -> QuadraticGP:  # noqa: N803 - scikit-learn's name
        """Fit values y (n,) at points X (n, d) of the unit cube."""
        values = np.asarray(y, dtype=np.float64)
        sd = np.asarray(self.sd, dtype=np.float64)
        prior = _PRIOR * max(float(np.abs(values).max()), 1e-12)
        features = _features(np.asarray(X, dtype=np.float64)) * prior
        if self.shift:
            plane = _features(np.asarray(X, dtype=np.float64))[:, : np.shape(X)[1] + 1]
            features = np.hstack([features, np.array(self.shift)[:, None] * plane])
        # Whitened with the prior below: one QR factor holds the whole posterior.
        size = features.shape[1]
        tall = np.vstack([features / sd[:, None], np.eye(size)])
        q, self.factor_ = np.linalg.qr(tall)
        whitened = np.concatenate([values / sd, np.zeros(size)])
        self.coefficients_ = np.linalg.solve(self.factor_, q.T @ whitened)
        self.prior_ = prior
        return self

    def predict(
        self,
        X: ArrayLike,  # noqa: N803
        return_std: bool = False,
    ) -> Floats | tuple[Floats, Floats]:
        """Predict at points (m, d): mean (m,), and its standard deviation if asked for."""
        features = _features(np.asarray(X, dtype=np.float64)) * self.prior_
        # The plane is of the past: it is not in what is to come.
        lost = len(self.coefficients_) - features.shape[1]
        features = np.hstack([features, np.zeros((len(features), lost))])
        mean = np.asarray(features @ self.coefficients_)
        if not return_std:
            return mean
        spread = np.linalg.solve(self.factor_.T, features.T)
        return mean, np.asarray(np.sqrt((spread**2).sum(axis=0)))


def _features(points: Floats) -> Floats:
    """Constant, linear and quadratic terms about the middle, (n, (d + 1)(d + 2)/2)."""
    z = 2.0 * points - 1.0
    rows, columns = np.triu_indices(z.shape[1])
    return np.hstack([np.ones((len(z), 1)), z, z[:, rows] * z[:, columns]])
