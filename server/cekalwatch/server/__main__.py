"""Entry point of `cekalwatch-server`; says which extra to install before it loads anything heavy."""

from cekalwatch.program.cli.command import require_extra


def main() -> None:
    """Run the command line; exits the process."""
    require_extra("server", ("typer", "faiss", "sqlmodel", "insightface", "onnxruntime", "cv2", "PIL", "cryptography"))
    from cekalwatch.program.cli.command import refuse_root, run
    from cekalwatch.server.cli.app import app

    refuse_root("cekalwatch-server")
    run(app)


if __name__ == "__main__":
    main()
