"""``shopwright webhook``: receive pushed deliveries of a shop until it is stopped."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestration.settings import export, settings


def webhook(
    shop: Annotated[str, typer.Option("--shop", help="Shop's name, or path of its YAML file.")] = "demo",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8088,
    host: Annotated[str, typer.Option(help="Address to listen on; put a TLS proxy before it.")] = "127.0.0.1",
) -> None:
    """Receive webhooks of a shop; each is on disk before it is answered, and ingested by the next run."""
    import uvicorn

    from feeds.connectors.webhook_receiver import webhook_app
    from orchestration.keys import landing_vault
    from orchestration.workspace import Workspace

    export(shop=shop)
    workspace = Workspace.of(settings())
    app = webhook_app(workspace.shop, workspace.folder, vault=landing_vault(settings()))
    uvicorn.run(app, host=host, port=port, log_level="warning", access_log=False, timeout_keep_alive=30)
