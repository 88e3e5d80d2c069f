"""``shopwright forget``: carry out a customer's request to be forgotten, and print the receipt."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer
from rich.console import Console

from orchestration.settings import export, settings


def forget(
    customer: Annotated[str, typer.Argument(help="The source's customer id, or an e-mail address.")],
    shop: Annotated[str, typer.Option("--shop", help="Shop's name, or path of its YAML file.")] = "demo",
    requested_by: Annotated[
        str, typer.Option("--requested-by", help="Who asks, for the receipt; no name of the customer.")
    ] = "",
) -> None:
    """Remove a customer from all that is stored; given again, a killed request is finished."""
    export(shop=shop)
    from orchestration.forget import forget_customer
    from orchestration.workspace import Workspace

    receipt = forget_customer(Workspace.of(settings()), customer, requested_by or getpass.getuser())
    Console().print(receipt.read_text(encoding="utf-8"), highlight=False, markup=False, soft_wrap=True)
    Console().print(f"Receipt: {receipt}", highlight=False, markup=False, soft_wrap=True)
