"""`cekalwatch-gateway SETTINGS`: serves the gateway; `--openapi` prints its document."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path


def main() -> int:
    """Run the command line; 78 when a setting is wrong, 70 without the extra."""
    parser = argparse.ArgumentParser(
        prog="cekalwatch-gateway",
        description="Serves alerts and states over HTTP.",
        epilog="Example: cekalwatch-gateway /etc/cekalwatch/gateway.toml",
    )
    parser.add_argument("settings", type=Path, help="The settings, a TOML file (docs/gateway.md).")
    parser.add_argument("--openapi", action="store_true", help="Print the OpenAPI document, and serve nothing.")
    given = parser.parse_args()
    try:
        from cekalwatch.client.gateway.app import create_app
        from cekalwatch.client.gateway.gateway import Gateway
        from cekalwatch.client.gateway.serving import run
        from cekalwatch.client.gateway.settings import load
    except ModuleNotFoundError:
        sys.stderr.write("The gateway needs the extra: pip install 'cekalwatch-client[gateway]'\n")
        return 70
    from cekalwatch.client.errors import SetUpError

    try:
        settings = load(given.settings)
        if given.openapi:
            sys.stdout.write(json.dumps(create_app(Gateway(settings)).openapi(), indent=2) + "\n")
        else:
            run(settings)
    except SetUpError as error:
        sys.stderr.write(f"{error}\n")
        return 78
    return 0


if __name__ == "__main__":
    sys.exit(main())
