"""Entry point of `cekalwatch-simulator`; says which extra to install before it loads anything."""

from cekalwatch.program.cli.command import require_extra


def main() -> None:
    """Run the command line; exits the process."""
    require_extra("simulator", ("typer", "cryptography", "cv2", "dateutil", "pydantic"))
    from cekalwatch.program.cli.command import run
    from cekalwatch.simulator.cli import app

    run(app)


if __name__ == "__main__":
    main()
