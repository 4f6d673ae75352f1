"""Types of NumPy arrays: floats, indices, truth values, and labels (1 is bad, 0 is good)."""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]
BoolArray = npt.NDArray[np.bool_]
BadArray = npt.NDArray[np.int8]
