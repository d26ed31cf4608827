"""Entry point of `cekalwatch-notifier`; says which extra to install before it loads anything heavy."""

import sys

from cekalwatch.program.cli.command import require_extra
from cekalwatch.program.platform.streams import prepare_streams


def main() -> None:
    """Run the command line; exits the process."""
    prepare_streams("cekalwatch-notifier")
    require_extra("notifier", ("typer", "rich", "pydantic_settings", "cryptography", "OpenSSL"))
    from cekalwatch.notifier.cli.app import app
    from cekalwatch.notifier.cli.options import delete_left_pictures
    from cekalwatch.program.cli.command import run

    delete_left_pictures(sys.argv[1:])
    run(app)


if __name__ == "__main__":
    main()
