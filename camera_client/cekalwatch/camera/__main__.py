"""Entry point of `cekalwatch-camera`; says which extra to install before it loads anything heavy."""

from cekalwatch.program.cli.command import require_extra
from cekalwatch.program.platform.streams import prepare_streams


def main() -> None:
    """Run the command line; exits the process."""
    prepare_streams("cekalwatch-camera")
    require_extra(
        "camera",
        (
            *("typer", "onnxruntime", "cv2", "lap", "uuid6", "cryptography", "OpenSSL", "jinja2", "prometheus_client"),
            *("httpx", "defusedxml", "grpc_status"),
        ),
    )
    from cekalwatch.camera.cli.app import app
    from cekalwatch.program.cli.command import refuse_root, run

    refuse_root("cekalwatch-camera")
    run(app)


if __name__ == "__main__":
    main()
