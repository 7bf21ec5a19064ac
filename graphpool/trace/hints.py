"""The ways round what cannot be traced: one table from the name of a function or method to a sentence."""

from __future__ import annotations

REFERENCE = "the docs list the functions that can (docs/ops.md)"
ORDER = (
    "no target sorts: take the extreme with max and argmax, rank with (x[:, None] > x).sum(axis=1), or median of up to "
    "three elements with np.median"
)
COUNT = (
    "how many elements it gives is not known while tracing: keep the whole array and a mask, np.where(mask, x, 0), or "
    "write under the mask itself, x[mask] = 0"
)
SOLVE = (
    "no target solves linear systems: precompute the inverse outside of the step as a Parameter, then use @; where the "
    "matrix changes, write the inverse of a small one by its elements"
)
SPECTRUM = "multiply by the matrix of the transform: np.fft.fft(np.eye(n)), its real and imaginary part as constants"
CENTRED = "centre the rows, then multiply: c = x - x.mean(axis=1, keepdims=True)"
PYTHON = "keep it as an array; show it with self.record(name, value)"
OUTSIDE = "compute it outside of the step, in __init__"

HINTS: dict[str, str] = {
    **dict.fromkeys(("sort", "argsort", "lexsort", "partition", "argpartition", "sort_complex"), ORDER),
    **dict.fromkeys(("percentile", "quantile", "nanmedian", "nanpercentile", "nanquantile"), ORDER),
    **dict.fromkeys(("nonzero", "flatnonzero", "argwhere", "extract", "compress", "unique", "trim_zeros"), COUNT),
    **dict.fromkeys(("unique_values", "unique_counts", "unique_inverse", "unique_all", "intersect1d"), COUNT),
    **dict.fromkeys(("union1d", "setdiff1d", "setxor1d"), COUNT),
    **dict.fromkeys(("solve", "inv", "pinv", "lstsq", "cholesky", "qr", "tensorsolve", "tensorinv"), SOLVE),
    **dict.fromkeys(("eig", "eigh", "eigvals", "eigvalsh", "svd", "svdvals", "matrix_rank", "cond"), OUTSIDE),
    **dict.fromkeys(("det", "slogdet"), "write the determinant of a small matrix by its elements, m[0, 0] * m[1, 1]"),
    **dict.fromkeys(("fft", "ifft", "rfft", "irfft", "fft2", "ifft2", "hfft", "ihfft"), SPECTRUM),
    **dict.fromkeys(("histogram", "histogram2d", "bincount"), "count with (x[:, None] == bins).sum(axis=0)"),
    **dict.fromkeys(("tolist", "item", "tobytes", "tofile", "dump", "dumps"), PYTHON),
    **dict.fromkeys(("array2string", "array_repr", "array_str", "save", "savez", "savetxt"), PYTHON),
    **dict.fromkeys(("linspace", "geomspace", "logspace", "meshgrid", "vander"), OUTSIDE),
    **dict.fromkeys(("isin", "in1d"), "(x[..., None] == values).any(axis=-1)"),
    **dict.fromkeys(("array_equal", "array_equiv"), "(a == b).all()"),
    "cov": f"{CENTRED}; c @ c.T / (x.shape[1] - 1)",
    "corrcoef": f"{CENTRED}; c = c / np.sqrt((c * c).sum(axis=1, keepdims=True)); c @ c.T",
    **dict.fromkeys(("nansum", "nancumsum"), "np.where(np.isnan(x), 0, x) first"),
    **dict.fromkeys(("nanmax", "nanargmax"), "np.where(np.isnan(x), -np.inf, x) first"),
    **dict.fromkeys(("nanmin", "nanargmin"), "np.where(np.isnan(x), np.inf, x) first"),
    **dict.fromkeys(("nanstd", "nanvar"), "the mean of squared differences, np.mean(..., where=~np.isnan(x))"),
    **dict.fromkeys(("nancumprod", "nanprod"), "np.where(np.isnan(x), 1, x) first"),
    **dict.fromkeys(("vector_norm", "matrix_norm"), "np.linalg.norm"),
    **dict.fromkeys(("vectorize", "apply_along_axis", "apply_over_axes"), "write it on whole arrays"),
    **dict.fromkeys(("putmask", "place"), "x[mask] = values, or np.where(mask, values, x)"),
    **dict.fromkeys(("put", "itemset"), "x[index] = value"),
    **dict.fromkeys(("polyfit", "roots", "poly"), OUTSIDE),
    "nanmean": "np.mean(x, where=~np.isnan(x))",
    "rollaxis": "np.moveaxis",
    "diagflat": "np.diag(np.ravel(x))",
    "cumulative_sum": "np.cumsum",
    "cumulative_prod": "np.cumprod",
    "vecdot": "(a * b).sum(axis=-1)",
    "angle": "np.arctan2(imaginary, real)",
    "flat": "x.reshape(-1) to read, x[index] = value to write",
    "matrix_power": "write the products: m @ m @ m",
    "multi_dot": "write the products: a @ b @ c",
    "gradient": "np.diff, or differences of slices",
    "trapezoid": "((y[1:] + y[:-1]) / 2 * np.diff(t)).sum()",
    "ediff1d": "np.diff",
    "polyval": "by Horner: y = c[0]; for a in c[1:]: y = y * x + a",
    "insert": "np.concatenate([x[:i], new, x[i:]])",
    "delete": "np.concatenate([x[:i], x[i + 1:]])",
    "resize": "np.tile and a slice",
    "block": "np.concatenate",
    "unravel_index": "i // columns and i % columns",
    "ravel_multi_index": "row * columns + column",
    "view": ".astype changes the dtype, a slice makes a view",
    "setflags": "traced arrays are writable, but for the input of a view",
    "byteswap": PYTHON,
    "setfield": "x[index] = value",
    "getfield": "x[index]",
    "newbyteorder": PYTHON,
}
"""Bare name of a NumPy function or an array method -> what to write in its place."""


def hint_for(name: str, default: str = REFERENCE) -> str:
    """The way round a function or method, or where to look."""
    return HINTS.get(name, default)
