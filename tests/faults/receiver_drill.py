"""A receiver in a process of its own, to be killed: ``python receiver_drill.py HOME PORT``.

The shop ``pushed`` in HOME has one webhook source for events. Prints ``ready`` when it listens.
"""

from __future__ import annotations

import sys
from pathlib import Path

import uvicorn

from feeds.connectors.webhook_receiver import webhook_app
from feeds.shop import load_shop
from feeds.vault import Vault


def main(home: Path, port: int) -> None:
    shop = load_shop("pushed", home)
    app = webhook_app(shop, home / shop.name, vault=Vault.of(b"test key"))
    config = uvicorn.Config(app, port=port, log_level="warning", access_log=False)
    server = uvicorn.Server(config)

    async def startup(*args: object, **kwargs: object) -> None:
        await uvicorn.Server.startup(server, *args, **kwargs)  # type: ignore[arg-type]
        print("ready", flush=True)

    server.startup = startup  # type: ignore[method-assign]
    server.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
