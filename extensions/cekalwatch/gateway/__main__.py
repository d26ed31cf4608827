"""Entry point of `cekalwatch-gateway`; says which extra to install before it loads anything heavy."""

from cekalwatch.program.cli.command import require_extra


def main() -> None:
    """Run the command line; exits the process."""
    require_extra("gateway", ("typer", "rich", "pydantic_settings", "fastapi", "uvicorn", "prometheus_client"))
    from cekalwatch.gateway.cli import app
    from cekalwatch.program.cli.command import refuse_root, run

    refuse_root("cekalwatch-gateway")
    run(app)


if __name__ == "__main__":
    main()
