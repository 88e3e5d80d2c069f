"""The metric dictionary as Python reads it; ``python -m data_quality.metrics`` prints it as a page.

A metric is defined once, in ``dbt_project/models/marts/metrics/metrics.yml``: dbt computes
``marts.metrics_daily`` from it, and whoever needs the definitions in Python reads them here. Computing a
metric does not belong here.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

DICTIONARY: Final = (
    Path(__file__).resolve().parents[1] / "dbt_project" / "models" / "marts" / "metrics" / "metrics.yml"
)

_HEADING: Final = """# Metrics

Made from `dbt_project/models/marts/metrics/metrics.yml` by `python -m data_quality.metrics`; change that, not
this page.

`marts.metrics_daily` has the value of every metric on every business day (in the shop's zone), and
`marts.metrics` these definitions; both are published with each generation. Money is in the shop's currency,
at the rate of the order's day. Orders count on the day they were placed, whatever happens to them later. A
ratio over several days is the sum of its numerators over the sum of its denominators, never a mean of ratios:

```sql
select metric, sum(numerator) / coalesce(sum(denominator), 1) as metric_value
from marts.metrics_daily
where metric_date between date '2026-01-01' and date '2026-01-31'
group by metric
```
"""


class MetricError(ValueError):
    """The dictionary has a metric that says too little, or one that no one can compute."""


@dataclass(frozen=True)
class Metric:
    """One entry of the dictionary; a ratio names two metrics, the others none."""

    name: str
    label: str
    definition: str
    formula: str
    unit: str
    owner: str
    grain: str
    numerator: str | None = None
    denominator: str | None = None


def load_metrics(path: Path = DICTIONARY) -> dict[str, Metric]:
    """Every metric by name, in the order of the dictionary.

    Raises:
        MetricError: names the metric that lacks something, comes twice, or is a ratio of unknown metrics.
    """
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    metrics: dict[str, Metric] = {}
    for entry in document["metrics"]:
        metric = _metric(entry)
        if metric.name in metrics:
            raise MetricError(f"The metric {metric.name} is defined twice in {path.name}.")
        metrics[metric.name] = metric
    for metric in metrics.values():
        unknown = {metric.numerator, metric.denominator} - {None, *metrics}
        if unknown:
            raise MetricError(
                f"The metric {metric.name} is a ratio of unknown metrics: {sorted(map(str, unknown))}."
            )
    return metrics


def _metric(entry: Mapping[str, Any]) -> Metric:
    meta = entry.get("config", {}).get("meta", {})
    said = {
        "label": entry.get("label"),
        "definition": entry.get("description"),
        **{key: meta.get(key) for key in ("formula", "unit", "owner", "grain")},
    }
    missing = sorted(key for key, value in said.items() if not value)
    if missing:
        raise MetricError(f"The metric {entry['name']} does not say its {', '.join(missing)}.")
    parts = entry["type_params"]
    return Metric(
        name=entry["name"], numerator=parts.get("numerator"), denominator=parts.get("denominator"), **said
    )


def markdown() -> str:
    """The dictionary as a page: amounts and counts first, then ratios."""
    metrics = load_metrics().values()
    counted = [metric for metric in metrics if metric.denominator is None]
    ratios = [metric for metric in metrics if metric.denominator is not None]
    return (
        "\n".join(
            [_HEADING, "## Amounts and counts\n", _table(counted), "## Ratios\n", _table(ratios)]
        ).rstrip("\n")
        + "\n"
    )


def _table(metrics: list[Metric]) -> str:
    rows = "\n".join(
        f"| `{m.name}` | {m.definition} | `{m.formula}` | {m.unit} | {m.grain} | {m.owner} |" for m in metrics
    )
    return f"| metric | definition | formula | unit | grain | owner |\n|---|---|---|---|---|---|\n{rows}\n"


if __name__ == "__main__":
    sys.stdout.write(markdown())
