"""The boundary on the way out: every served table is judged by its contract before it is published."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg

from data_quality.contract import all_contracts
from data_quality.suites import validate_table
from orchestration.resources import WorkspaceResource
from orchestration.show import suite_metadata

CHECK = "served_rows_keep_the_contract"


@dg.multi_asset_check(
    name="served_contracts",
    specs=[
        dg.AssetCheckSpec(CHECK, asset=["serving", contract.name], blocking=True, description=contract.grain)
        for contract in all_contracts("served")
    ],
)
def served_contracts(workspace: WorkspaceResource) -> Iterator[dg.AssetCheckResult]:
    """Great Expectations suites made from the contracts, over the whole of each served table."""
    contracts = {f"serving.{contract.name}": contract for contract in all_contracts("served")}
    for table, rows in workspace.open().arrows(list(contracts)).items():
        contract = contracts[table]
        suite = validate_table(rows, contract)
        yield dg.AssetCheckResult(
            check_name=CHECK,
            asset_key=["serving", contract.name],
            passed=suite.success,
            metadata=suite_metadata(suite),
        )
