"""The best few of many scores, the same on every run: ties go to the smaller code, that is the smaller SKU.

Scoring is done elsewhere; nothing here knows what a score means.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

SCORE_DECIMALS = 9  # sums taken in another order differ in the last bits; rounding keeps ties ties


def top_k_per_row(scores: sp.csr_matrix, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The ``k`` best positive scores of each row: (codes, scores), both (rows, k), padded with -1 and 0."""
    codes = np.full((scores.shape[0], k), -1, dtype=np.int64)
    values = np.zeros((scores.shape[0], k))
    rounded = np.round(scores.data, SCORE_DECIMALS)
    for row in range(scores.shape[0]):
        lo, hi = scores.indptr[row], scores.indptr[row + 1]
        ids, data = scores.indices[lo:hi], rounded[lo:hi]
        if len(data) > k:
            keep = data >= np.partition(data, len(data) - k)[len(data) - k]
            ids, data = ids[keep], data[keep]
        order = np.lexsort((ids, -data))[:k]
        order = order[data[order] > 0]
        codes[row, : len(order)] = ids[order]
        values[row, : len(order)] = data[order]
    return codes, values


def pad_with(codes: np.ndarray, fallback: np.ndarray) -> np.ndarray:
    """Fill the places marked -1 with the fallback codes, in order, that the row does not have yet."""
    padded = codes.copy()
    for row in np.flatnonzero((codes < 0).any(axis=1)):
        have = codes[row][codes[row] >= 0]
        width = codes.shape[1]
        fill = fallback[: width + len(have)]
        fill = fill[~np.isin(fill, have)][: width - len(have)]
        padded[row, len(have) : len(have) + len(fill)] = fill
    return padded


def by_score(scores: np.ndarray) -> np.ndarray:
    """Codes from the best score to the worst, ties by code."""
    rounded = np.round(scores, SCORE_DECIMALS)
    return np.lexsort((np.arange(len(rounded)), -rounded))


def rank_in_group(groups: np.ndarray) -> np.ndarray:
    """1, 2, 3 ... within each run of equal values; the array must be grouped already."""
    if len(groups) == 0:
        return np.empty(0, dtype=np.int64)
    starts = np.flatnonzero(np.r_[True, groups[1:] != groups[:-1]])
    sizes = np.diff(np.r_[starts, len(groups)])
    return np.arange(len(groups)) - np.repeat(starts, sizes) + 1
