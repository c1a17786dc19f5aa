"""Floors: what the parts cost without the service. Called by the measurements beside them.

`python -m bench.floors PORT` serves FastAPI's empty endpoint the way `watibot serve` is served.
"""

from __future__ import annotations

import sys
from typing import Any

import uvicorn
from fastapi import FastAPI, Request


def empty() -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None)

    @app.api_route("/", methods=["GET", "POST"])
    async def nothing(request: Request) -> dict[str, Any]:
        return {}

    return app


def main(port: int) -> None:
    uvicorn.run(
        empty(),
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_config=None,
        backlog=2048,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
