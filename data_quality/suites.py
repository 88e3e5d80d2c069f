"""Great Expectations at the two boundaries: suites made from contracts, verdicts as plain objects.

Great Expectations takes seconds to import, so it is imported inside the functions that run a suite. Splitting
good rows from bad ones is not done here (see ``acceptance``): a suite passes or fails a table as a whole.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from data_quality.contract import Contract, Kind
from data_quality.personal import mask
from data_quality.suite_expectations import Expectation, suite_expectations

if TYPE_CHECKING:
    from great_expectations.core.batch_definition import BatchDefinition
    from great_expectations.core.expectation_validation_result import ExpectationValidationResult
    from great_expectations.expectations.expectation import Expectation as GreatExpectation
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

SAMPLE_ROWS = 200_000
"""A feed's load is judged on at most this many of its rows, evenly spread; served tables are judged whole."""

N_EXAMPLES = 5
_ORIGIN = ("_file_id", "_line")


@dataclass(frozen=True)
class Check:
    """The verdict of one expectation; ``examples`` are up to five offending rows, masked."""

    name: str
    column: str | None
    success: bool
    observed: str = ""
    unexpected_count: int = 0
    examples: tuple[dict[str, str], ...] = ()

    def __str__(self) -> str:
        """The check as one line for a message."""
        about = f" of {self.column}" if self.column else ""
        return f"{self.name}{about}: {'passed' if self.success else f'failed ({self.observed})'}"


@dataclass(frozen=True)
class SuiteResult:
    """All checks of a table. ``n_rows`` were given and ``n_judged`` of them looked at."""

    table: str
    success: bool
    n_rows: int
    n_judged: int
    checks: tuple[Check, ...]

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that did not pass."""
        return tuple(check for check in self.checks if not check.success)


def validate_table(
    rows: pa.Table | pd.DataFrame, contract: Contract, *, kind: Kind | None = None, min_rows: int = 0
) -> SuiteResult:
    """Run the contract's suite on a table.

    ``kind`` is the boundary (by default the contract's own kind): a feed is judged by an even sample of at
    most ``SAMPLE_ROWS`` rows, anything else whole. Columns whose name starts with an underscore belong to the
    lake and are left out, and so are expectations about a missing column: the column list fails already.
    """
    table = rows if isinstance(rows, pa.Table) else pa.Table.from_pandas(rows, preserve_index=False)
    n_rows = table.num_rows
    if (kind or contract.kind) == "feeds" and n_rows > SAMPLE_ROWS:
        table = table.take(pa.array(np.linspace(0, n_rows - 1, SAMPLE_ROWS).astype("int64")))
    own = table.select([name for name in table.column_names if not name.startswith("_")])
    checks = _run(own, contract, suite_expectations(contract, min_rows=min_rows), table)
    if isinstance(rows, pa.Table):
        checks.insert(0, _types_check(own, contract))
    return SuiteResult(
        table=contract.name,
        success=all(check.success for check in checks),
        n_rows=n_rows,
        n_judged=table.num_rows,
        checks=tuple(checks),
    )


def _run(
    own: pa.Table, contract: Contract, expectations: Sequence[Expectation], full: pa.Table
) -> list[Check]:
    """Evaluate all expectations in one validation, which computes shared metrics once."""
    import great_expectations as gx
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    present = set(own.column_names)
    applicable = [e for e in expectations if _columns_needed(e) <= present]
    suite = gx.ExpectationSuite(name=contract.name)
    for number, expectation in enumerate(applicable):
        arguments = {
            **expectation.arguments,
            **({"column": expectation.column} if expectation.column else {}),
        }
        configuration = ExpectationConfiguration(
            type=expectation.name, kwargs=arguments, meta={"number": number}
        )
        suite.add_expectation_configuration(configuration)
    batch = _batch_definition().get_batch(batch_parameters={"dataframe": _to_pandas(own)})
    with _configurations_kept():
        # Verdicts alone take half the time; counts and examples are asked for where one of them is bad.
        outcome = batch.validate(suite, result_format={"result_format": "BOOLEAN_ONLY"})
        if not outcome.success:
            result_format = {"result_format": "SUMMARY", "partial_unexpected_count": N_EXAMPLES}
            outcome = batch.validate(suite, result_format=result_format)
    configured = [(result.expectation_config, result) for result in outcome.results]
    by_number = {config.meta["number"]: result for config, result in configured if config and config.meta}
    return [
        _check(expectation, by_number[number], contract, full)
        for number, expectation in enumerate(applicable)
    ]


@contextmanager
def _configurations_kept() -> Iterator[None]:
    """Let an expectation make its configuration once while inside, and not at every look at one of its keys.

    Great Expectations makes it about ninety times for each expectation of a suite: half of a validation.
    """
    from great_expectations.expectations.expectation import Expectation

    made: dict[int, tuple[GreatExpectation, ExpectationConfiguration]] = {}
    original = Expectation.configuration

    def kept(expectation: GreatExpectation) -> ExpectationConfiguration:
        # The expectation is kept too, so that no other one can get its identity.
        if id(expectation) not in made:
            made[id(expectation)] = (expectation, original.__get__(expectation))
        return made[id(expectation)][1]

    type.__setattr__(Expectation, "configuration", property(kept))
    try:
        yield
    finally:
        type.__setattr__(Expectation, "configuration", original)


def warm_up() -> None:
    """Import Great Expectations now: some seconds, which a process that is forked later pays only once."""
    _batch_definition()


@cache
def _batch_definition() -> BatchDefinition:
    """One in-memory context for the whole process: no files, no analytics, no progress bars."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    source = context.data_sources.add_pandas("tables")
    return source.add_dataframe_asset("table").add_batch_definition_whole_dataframe("whole")


def _columns_needed(expectation: Expectation) -> set[str]:
    if expectation.name == "expect_compound_columns_to_be_unique":
        return set(expectation.arguments["column_list"])
    return {expectation.column} if expectation.column else set()


def _to_pandas(table: pa.Table) -> pd.DataFrame:
    """A frame whose comparisons are fast: decimals as floats (for ranges only) and dates as timestamps."""
    fields = [pa.field(f.name, pa.float64() if pa.types.is_decimal(f.type) else f.type) for f in table.schema]
    return table.cast(pa.schema(fields)).to_pandas(date_as_object=False)


def _check(
    expectation: Expectation, verdict: ExpectationValidationResult, contract: Contract, full: pa.Table
) -> Check:
    result = verdict.result
    if verdict.success:
        return Check(expectation.name, expectation.column, True, str(result.get("observed_value", "")))
    if not result:
        return Check(
            expectation.name, expectation.column, False, f"could not be evaluated: {verdict.exception_info}"
        )
    if "observed_value" in result:
        return Check(expectation.name, expectation.column, False, f"found {result['observed_value']}")
    count = int(result["unexpected_count"])
    observed = f"{count} of {result['element_count']} rows"
    positions = result.get("partial_unexpected_index_list") or []
    examples = tuple(
        _example(full, int(position), expectation, contract) for position in positions[:N_EXAMPLES]
    )
    return Check(expectation.name, expectation.column, False, observed, count, examples)


def _example(full: pa.Table, position: int, expectation: Expectation, contract: Contract) -> dict[str, str]:
    """Where the row came from, its key and the offending value: masked, and personal columns never."""
    personal = {column.name for column in contract.columns if column.personal}
    wanted = [*contract.key, *([expectation.column] if expectation.column else [])]
    shown = [name for name in dict.fromkeys(wanted) if name in full.column_names and name not in personal]
    example = {name: mask(full.column(name)[position].as_py()) for name in shown}
    origin = {name: str(full.column(name)[position].as_py()) for name in _ORIGIN if name in full.column_names}
    return {**origin, **example}


def _types_check(table: pa.Table, contract: Contract) -> Check:
    """Whether each column has the Arrow type of the contract (wide and dictionary strings are strings)."""
    wrong = [
        f"{column.name} is {found}, not {column.arrow_type}"
        for column in contract.columns
        if column.name in table.column_names
        and _plain(found := table.schema.field(column.name).type) != _plain(column.arrow_type)
    ]
    return Check("column_types_match_contract", None, not wrong, "; ".join(wrong), len(wrong))


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", tz="UTC" if kind.tz else None)
    return kind
