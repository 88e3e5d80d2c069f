"""The public data sets of the forecast benchmarks, as ``feat_skus_daily`` would hold them at an origin.

Read straight from the published CSV files, so that a benchmark does not depend on the pipeline it measures.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

PRODUCT_CODE = r"^\d{5}[A-Za-z]{0,3}$"


def online_retail_lines(folder: Path, until: date = date.max) -> pd.DataFrame:
    """Product lines of UCI Online Retail, exact duplicates dropped; ``is_cancellation`` marks the C
    invoices."""
    files = sorted(
        path for path in (folder / "online_retail").glob("*.csv") if path.stem <= until.isoformat()
    )
    text = {"InvoiceNo": str, "StockCode": str, "CustomerID": str}
    lines = pd.concat([pd.read_csv(path, dtype=text) for path in files], ignore_index=True)
    lines = lines.drop_duplicates()  # the file repeats lines exactly; a repeat is no second sale
    lines = lines.loc[lines["StockCode"].str.match(PRODUCT_CODE) & (lines["UnitPrice"] > 0)].copy()
    lines["sold_at"] = pd.to_datetime(lines["InvoiceDate"])
    lines["is_cancellation"] = lines["InvoiceNo"].str.startswith("C")
    lines["sku"] = lines["StockCode"].str.upper()
    return lines.sort_values(["sold_at", "InvoiceNo", "sku"], kind="stable", ignore_index=True)


def net_of_cancellations(lines: pd.DataFrame, known_until: date) -> pd.DataFrame:
    """Sale lines up to ``known_until`` with ``net_units``: each cancellation known by then is taken from the
    latest earlier lines of the same customer and SKU; one that finds no line is left aside.
    """
    known = lines.loc[lines["sold_at"] < pd.Timestamp(known_until) + pd.Timedelta(days=1)]
    sales = known.loc[~known["is_cancellation"] & (known["Quantity"] > 0)].reset_index(drop=True)
    net, at = sales["Quantity"].to_numpy(dtype=float).copy(), sales["sold_at"].to_numpy()
    rows_of = sales.groupby(["CustomerID", "sku"]).indices
    for line in known.loc[known["is_cancellation"]].itertuples():
        left = -float(line.Quantity)
        for row in rows_of.get((line.CustomerID, line.sku), ())[::-1]:
            if left <= 0:
                break
            if at[row] <= np.datetime64(line.sold_at) and net[row] > 0:
                taken = min(left, net[row])
                net[row], left = net[row] - taken, left - taken
    return sales.assign(net_units=net, sale_date=sales["sold_at"].dt.normalize())


def daily_history(net: pd.DataFrame, skus: list[str], until: date) -> pd.DataFrame:
    """Dense daily demand of the SKUs from first sale to ``until``; days on which nobody bought anything are
    closed."""
    open_days = pd.Index(net["sale_date"].unique())
    kept = net.loc[net["sku"].isin(skus)].assign(revenue_amount=lambda t: t["net_units"] * t["UnitPrice"])
    sums = kept.groupby(["sku", "sale_date"], as_index=False)[["net_units", "revenue_amount"]].sum()
    days = pd.date_range(net["sale_date"].min(), until, freq="D")
    units = sums.pivot(index="sale_date", columns="sku", values="net_units").reindex(days).fillna(0)
    revenue = sums.pivot(index="sale_date", columns="sku", values="revenue_amount").reindex(days).fillna(0)
    long = units.melt(ignore_index=False, value_name="units_sold").reset_index(names="demand_date")
    long["revenue_amount"] = revenue.melt(ignore_index=False)["value"].to_numpy()
    first = kept.groupby("sku")["sale_date"].min()
    long = long.loc[long["demand_date"] >= long["sku"].map(first)]
    price = (long["revenue_amount"] / long["units_sold"]).where(long["units_sold"] > 0)
    return long.assign(
        location_id="main",
        price_amount=price.groupby(long["sku"]).ffill(),
        is_trading_day=long["demand_date"].isin(open_days),
        is_stocked_out=False,
    ).reset_index(drop=True)


def top_skus(net: pd.DataFrame, before: date, n: int) -> list[str]:
    """The SKUs with the highest net revenue up to ``before``."""
    known = net.loc[net["sale_date"] <= pd.Timestamp(before)]
    revenue = (known["net_units"] * known["UnitPrice"]).groupby(known["sku"]).sum()
    order = revenue.reset_index(name="revenue").sort_values(["revenue", "sku"], ascending=[False, True])
    return sorted(order["sku"].head(n))


def vn2_history(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Weekly sales of VN2 with stock-out flags, and its items with the department as category."""
    keys = ["Store", "Product"]
    sales = pd.read_csv(folder / "vn2" / "Week 0 - 2024-04-08 - Sales.csv").melt(keys, var_name="week")
    flags = pd.read_csv(folder / "vn2" / "Week 0 - In Stock.csv").melt(keys, var_name="week")
    both = sales.merge(flags, on=[*keys, "week"], suffixes=("_sold", "_in_stock"))
    history = pd.DataFrame(
        {
            "sku": both["Product"].astype(str),
            "location_id": both["Store"].astype(str),
            "demand_date": pd.to_datetime(both["week"]),
            "units_sold": both["value_sold"].astype(float),
            "is_stocked_out": ~both["value_in_stock"].astype(bool),
            "is_trading_day": True,
        }
    )
    master = pd.read_csv(folder / "vn2" / "Week 0 - Master.csv").drop_duplicates(
        "Product"
    )  # one department each
    items = pd.DataFrame(
        {"sku": master["Product"].astype(str), "category_id": master["Department"].astype(str)}
    )
    return history.sort_values(["location_id", "sku", "demand_date"], ignore_index=True), items
