"""``shopwright keys``: which keys are in use, a new one for landed originals, and the old ones retired."""

from __future__ import annotations

import typer
from rich.console import Console

from orchestration.settings import settings

keys_app = typer.Typer(no_args_is_help=True, help="Keys of personal data and of landed originals.")
out = Console(highlight=False, soft_wrap=True)


@keys_app.command("show")
def show() -> None:
    """Ids of the keys; ids tell nothing of the keys."""
    from orchestration.keys import key_ids, personal_key_id

    out.print(f"personal data: {personal_key_id(settings())}")
    for number, name in enumerate(key_ids(settings())):
        out.print(f"landed originals: {name} ({'opens only' if number else 'seals and opens'})")


@keys_app.command("rotate")
def rotate() -> None:
    """Make a new key for landed originals and bring every shop's under it."""
    from orchestration.keys import add_landing_key, reseal_landing

    out.print(f"New key {add_landing_key(settings())}")
    _told(reseal_landing(settings()))


@keys_app.command("resume")
def resume() -> None:
    """Go on with a rotation that was killed: bring what is left under the newest key."""
    from orchestration.keys import reseal_landing

    _told(reseal_landing(settings()))


@keys_app.command("retire")
def retire() -> None:
    """Drop all keys but the newest, once every original is under it."""
    from orchestration.keys import retire_landing_keys

    out.print(f"{retire_landing_keys(settings())} older keys dropped")


def _told(changed: dict[str, int]) -> None:
    for shop, originals in changed.items():
        out.print(f"{shop}: {originals} originals brought under it")
