"""How alike titles are, by character n-grams: works for any language and survives misspelling."""

from __future__ import annotations

import numpy as np
import pandas as pd

ROWS_AT_ONCE = 500
MAX_GROUP = 8_000  # the cost is quadratic, and likeness across a whole large catalogue says little


def similar_titles(
    skus: pd.Series, titles: pd.Series, groups: pd.Series, *, keep: int, at_least: float
) -> pd.DataFrame:
    """The ``keep`` most alike titles of each SKU in its group: sku, similar_sku, text (cosine)."""
    frame = pd.DataFrame({"sku": skus.to_numpy(), "title": titles.to_numpy(), "group": groups.to_numpy()})
    named = (frame["title"].str.strip() != "") & (frame["title"] != frame["sku"])  # a code is no title
    frame = frame[named].sort_values("sku", ignore_index=True)
    parts = [
        _within(part, keep, at_least)
        for _, part in frame.groupby("group", sort=True)
        if 1 < len(part) <= MAX_GROUP
    ]
    if not parts:
        return pd.DataFrame(
            {
                "sku": pd.Series(dtype=object),
                "similar_sku": pd.Series(dtype=object),
                "text": pd.Series(dtype=float),
            }
        )
    return pd.concat(parts, ignore_index=True)


def _within(part: pd.DataFrame, keep: int, at_least: float) -> pd.DataFrame:
    from sklearn.feature_extraction.text import TfidfVectorizer  # slow to import

    names = part["sku"].to_numpy(dtype=object)
    matrix = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True).fit_transform(
        part["title"]
    )
    found = []
    for lo in range(0, len(names), ROWS_AT_ONCE):
        alike = np.round((matrix[lo : lo + ROWS_AT_ONCE] @ matrix.T).toarray(), 9)
        alike[np.arange(len(alike)), np.arange(lo, lo + len(alike))] = 0.0
        order = np.argsort(-alike, axis=1, kind="stable")[:, :keep]
        row = np.repeat(np.arange(len(alike)), order.shape[1])
        value = alike[row, order.ravel()]
        good = value >= at_least
        found.append(
            pd.DataFrame(
                {"sku": names[lo + row[good]], "similar_sku": names[order.ravel()[good]], "text": value[good]}
            )
        )
    return pd.concat(found, ignore_index=True)
