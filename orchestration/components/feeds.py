"""The feeds of the shop as assets: each loads what has arrived, and accounts for every row.

How files are read and judged is not done here (see ``feeds.ingest`` and ``data_quality``).
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import duckdb
import pandas as pd

from data_quality.contract import Contract, load_contract
from data_quality.suites import SuiteResult, validate_table
from feeds.ingest import ingest_feed
from feeds.refusals import FilesRefused
from feeds.report import LoadRejected, LoadReport
from feeds.shop import Shop
from orchestration.executor import FIRST
from orchestration.keys import landing_vault
from orchestration.partitions import days_of, feed_days
from orchestration.resources import WorkspaceResource
from orchestration.settings import settings
from orchestration.show import suite_metadata, table_md
from orchestration.workspace import CLOCKS, Workspace

MAX_VALIDATED_ROWS = 50_000
"""Rows of a load that Great Expectations looks at; acceptance has judged every one of them before."""


class FeedsComponent(dg.Component, dg.Model, dg.Resolvable):
    """One asset ``raw/<feed>`` for each feed: ``daily`` feeds have day partitions, ``changing`` feeds do not.

    A feed that the shop lacks stays in the graph as an external asset whose description says why.
    """

    daily: list[str]
    changing: list[str]

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The assets of this shop."""
        shop = Workspace.of(settings()).shop
        feeds = [(name, feed_days) for name in self.daily] + [(name, None) for name in self.changing]
        return dg.Definitions(
            assets=[
                _absent_feed(load_contract(name), shop)
                if shop.missing_reason(name)
                else _feed_asset(load_contract(name), days)
                for name, days in feeds
            ]
        )


def _absent_feed(contract: Contract, shop: Shop) -> dg.AssetSpec:
    reason = shop.missing_reason(contract.name) or ""
    return dg.AssetSpec(
        key=["raw", contract.name],
        group_name=contract.domain,
        owners=["team:ingestion"],
        kinds={"deltalake"},
        description=f"Skipped: {reason}. {contract.description} {contract.grain}",
        metadata={"skipped": reason},
    )


def _feed_asset(contract: Contract, days: dg.PartitionsDefinition | None) -> dg.AssetsDefinition:
    key = dg.AssetKey(["raw", contract.name])

    @dg.asset(
        key=key,
        group_name=contract.domain,
        owners=["team:ingestion"],
        kinds={"deltalake", "duckdb", "greatexpectations"},
        description=f"{contract.description} {contract.grain}",
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run() if days else None,
        retry_policy=dg.RetryPolicy(max_retries=2, delay=1, backoff=dg.Backoff.EXPONENTIAL),
        pool=f"feed_{contract.name}",
        op_tags=FIRST if contract.name in CLOCKS else None,
        check_specs=[
            dg.AssetCheckSpec("every_row_accounted_for", asset=key, blocking=True),
            dg.AssetCheckSpec("accepted_rows_keep_the_contract", asset=key, blocking=True),
            dg.AssetCheckSpec("days_have_usual_volume", asset=key),
        ],
    )
    def load(context: dg.AssetExecutionContext, workspace: WorkspaceResource) -> Iterator[object]:
        yield from _load(context, workspace.open(), contract)

    return load


def _load(context: dg.AssetExecutionContext, workspace: Workspace, contract: Contract) -> Iterator[object]:
    first, last = days_of(context)
    days = (first, last) if context.has_partition_key or context.has_partition_key_range else (None, last)
    try:
        report = ingest_feed(
            workspace.shop,
            contract.name,
            workspace.home,
            first_day=days[0],
            last_day=days[1],
            key=workspace.settings.personal_data_key(),
            vault=landing_vault(workspace.settings),
            memory_limit=workspace.settings.memory_limit,
            threads=workspace.settings.threads,
        )
    except (LoadRejected, FilesRefused) as rejected:
        # A bad file does not get better by trying again.
        raise dg.Failure(
            str(rejected), metadata=report_metadata(rejected.report), allow_retries=False
        ) from rejected
    suite = _validate(workspace, contract, report)
    yield dg.MaterializeResult(
        metadata=report_metadata(report),
        check_results=[_account_check(report), _suite_check(suite), _volume_check(report)],
    )


def report_metadata(report: LoadReport) -> dict[str, Any]:
    """What a load did, as Dagster shows it."""
    told: dict[str, Any] = {
        "dagster/row_count": report.accepted,
        "files": report.files,
        "rows_read": report.rows_read,
        "accepted": report.accepted,
        "deduplicated": report.deduplicated,
        "quarantined": report.quarantined,
        "filtered": report.filtered,
        "days_touched": report.days_touched,
        "seconds": round(report.seconds, 2),
    }
    if report.contract:
        told["contract"] = report.contract
    if report.skipped_reason:
        told["skipped"] = report.skipped_reason
    if report.by_rule or report.by_filter:
        rules = [*report.by_rule.items(), *report.by_filter.items()]
        told["reasons"] = table_md(pd.DataFrame(rules, columns=["reason", "rows"]))
    if report.examples:
        told["examples"] = table_md(pd.DataFrame(report.examples))
    if report.refused:
        told["refused"] = table_md(pd.DataFrame(report.refused))
    if report.drift:
        told["drift"] = "\n".join(report.drift)
    if report.volume:
        told["unusual_days"] = "\n".join(report.volume)
    return told


def _account_check(report: LoadReport) -> dg.AssetCheckResult:
    told = report.accepted + report.deduplicated + report.quarantined + report.filtered
    counts = {"rows_read": report.rows_read, "accounted_for": told}
    return dg.AssetCheckResult(
        check_name="every_row_accounted_for", passed=told == report.rows_read, metadata=counts
    )


def _volume_check(report: LoadReport) -> dg.AssetCheckResult:
    """A warning: a day ten times as full may be a sale, or a file sent twice under new keys."""
    return dg.AssetCheckResult(
        check_name="days_have_usual_volume",
        passed=not report.volume,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"unusual_days": "\n".join(report.volume) or "none", "days": report.days_touched},
    )


def _suite_check(suite: SuiteResult | None) -> dg.AssetCheckResult:
    name = "accepted_rows_keep_the_contract"
    if suite is None:
        return dg.AssetCheckResult(check_name=name, passed=True, metadata={"rows": 0})
    return dg.AssetCheckResult(check_name=name, passed=suite.success, metadata=suite_metadata(suite))


def _validate(workspace: Workspace, contract: Contract, report: LoadReport) -> SuiteResult | None:
    """Judge the newest load's rows as they lie in the lake; of a large load a fixed, even share."""
    if not report.accepted:
        return None
    columns = ", ".join(f'"{name}"' for name in (*contract.column_names, "_file_id", "_line"))
    every = -(-report.accepted // MAX_VALIDATED_ROWS)
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        rows = connection.execute(
            f"select {columns} from read_parquet($files, hive_partitioning = true, union_by_name = true) "
            "where _load_number = $load and hash(_file_id, _line) % $every = 0 order by _file_id, _line",
            {"files": workspace.lake.files("raw", contract.name), "load": report.load_number, "every": every},
        ).to_arrow_table()
    return validate_table(rows, contract)
