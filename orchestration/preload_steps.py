"""What only steps need, imported and read once by their server, while the command plans the run.

Nothing is decided here. As in ``preload``, nothing may start threads.
"""

from __future__ import annotations

import gc

from data_quality import suites
from orchestration import dbt_runs

suites.warm_up()
dbt_runs.warm_up()
# What is here stays: a collector that does not visit it leaves its memory shared with the forked processes.
gc.freeze()
gc.enable()
