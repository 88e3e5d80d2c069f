"""``python -m benchmarks.large_shop --home FOLDER [--lines 20000000]``: write the large shop's lake."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from benchmarks.large_shop import NAME, ShopSize, make_shop


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--lines", type=int, default=20_000_000)
    chosen = parser.parse_args()
    rows = make_shop(chosen.home, ShopSize(chosen.lines))
    lake = sum(path.stat().st_size for path in (chosen.home / NAME / "lake").rglob("*.parquet"))
    told = {
        "made_processor_seconds": round(sum(os.times()[:2])),
        "lake_mb": round(lake / 1e6),
        "lake_rows": rows,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
