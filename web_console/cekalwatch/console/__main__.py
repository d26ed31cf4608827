"""Entry point of `cekalwatch-console`; says which extra to install before it loads anything heavy."""

from cekalwatch.program.cli.command import require_extra


def main() -> None:
    """Run the command line; exits the process."""
    require_extra("console", ("typer", "rich", "pydantic_settings", "starlette", "uvicorn", "jinja2", "multipart"))
    from cekalwatch.console.cli import app
    from cekalwatch.program.cli.command import refuse_root, run

    refuse_root("cekalwatch-console")
    run(app)


if __name__ == "__main__":
    main()
