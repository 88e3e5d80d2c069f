"""The last step of set-up: parse the dbt project, find a Java for Spark; later runs need no network."""

from __future__ import annotations

from orchestration.dbt_manifest import ensure_manifest
from orchestration.settings import settings
from transforms.java import java_home


def main() -> None:
    """Prepare and say what was found."""
    known = settings()
    print(f"java for Spark: {java_home(known.data_home / 'java')}")
    print(f"dbt manifest: {ensure_manifest().name}")


if __name__ == "__main__":
    main()
