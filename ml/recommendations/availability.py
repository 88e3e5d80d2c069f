"""Which items may be shown: what is gone is removed after scoring, and the list refilled.

Never used in training: whether an item is on the shelf today says nothing about what people wanted.
"""

from __future__ import annotations

import pandas as pd


def unavailable_skus(items: pd.DataFrame) -> set[str]:
    """SKUs of feat_skus that are retired or out of stock; one the catalogue lacks is available."""
    if len(items) == 0:
        return set()
    active = items["is_active"].fillna(True).astype(bool)
    in_stock = items["is_in_stock"].fillna(True).astype(bool)
    return set(items.loc[~(active & in_stock), "sku"])


def take_ranked(rows: pd.DataFrame, by: list[str], *, item: str, gone: set[str], limit: int) -> pd.DataFrame:
    """The best ``limit`` available rows of each group, ranked from 1 by ``score``, ties by ``item``."""
    kept = rows[~rows[item].isin(gone)]
    kept = kept.assign(score=kept["score"].round(9))
    kept = kept.sort_values([*by, "score", item], ascending=[True] * len(by) + [False, True], kind="stable")
    rank = kept.groupby(by, sort=False).cumcount() + 1
    return kept.assign(rank=rank)[rank <= limit].reset_index(drop=True)
