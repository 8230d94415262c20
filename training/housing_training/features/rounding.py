"""Rounding what processors compute with different last bits, so that training gives the same models on all of them.

NumPy's `exp` and `log` of arrays differ in the last bit by the width of the processor's vectors, and sums by BLAS in
the last few by its kernels. Rounded, they are the same but for the rare value that lies on an edge.
"""

import numpy as np
import numpy.typing as npt

DIGITS = 10
"""Significant digits that are kept; a float64 has nearly 16, of which other processors change the last one to three."""


def legible(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Round to `DIGITS` significant digits: float64, of the same shape."""
    exact = np.asarray(values, dtype=np.float64)
    rounded = [float(f"{value:.{DIGITS - 1}e}") for value in exact.ravel().tolist()]
    return np.array(rounded).reshape(exact.shape)
