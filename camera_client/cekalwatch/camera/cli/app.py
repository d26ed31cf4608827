"""The command line of `cekalwatch-camera`."""

from __future__ import annotations

from typing import Annotated

import typer

from cekalwatch.camera.cli import init as init_command
from cekalwatch.camera.cli.check import check
from cekalwatch.camera.cli.options import CameraId, Config, Detector, Server, Source, TlsDir
from cekalwatch.camera.cli.presets import presets, turn
from cekalwatch.camera.cli.survey import preview, survey
from cekalwatch.camera.settings import DEFAULT_TLS_DIR, CameraSettings
from cekalwatch.camera.sources.opencv import Transport
from cekalwatch.program.cli.shared_commands import add_enrol, add_settings, add_version
from cekalwatch.program.logs import configure_logs
from cekalwatch.wire.identity import DeviceRole

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # a source may hold a password
)

add_version(
    app,
    "cekalwatch-camera",
    "Finds faces at a camera and sends the best crops of each passage to the recognition server.",
)


app.command(epilog=init_command.EPILOG)(init_command.init)
app.command()(check)
app.command()(survey)
app.command()(preview)
app.command()(presets)
app.command()(turn)


@app.command()
def run(
    source: Source = None,
    camera_id: CameraId = None,
    realtime: Annotated[
        bool | None,
        typer.Option("--realtime/--no-realtime", help="Read a file at its own pace, as a camera would give it."),
    ] = None,
    rtsp_transport: Annotated[
        Transport | None, typer.Option(help="How a network camera sends its pictures. Default: tcp.")
    ] = None,
    server: Server = None,
    tls_dir: TlsDir = None,
    detector: Detector = None,
    detect_every: Annotated[int | None, typer.Option(help="Look for faces in one of this many frames.")] = None,
    threads: Annotated[int | None, typer.Option(help="Native threads to use.")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
    config: Config = None,
) -> None:
    """Watch cameras, or read files to their end.

    A camera (device number or rtsp address) is watched until Ctrl-C or SIGTERM,
    and opened again when it fails. A file ends with exit code 0 when every crop
    has its receipt; 69: the source cannot be opened; 78: a setting, the model
    pack or the camera's name is wrong. Several cameras are tables of the
    configuration file:

    \b
      server_addresses = ["cekal.batam.local:50051"]
      [\\[cameras]]
      camera_id = "departure-1"
      source = "rtsp://10.0.0.7/1"
      [\\[cameras]]
      camera_id = "departure-2"
      source = "0"

    One that is away, refused or without a certificate is tried again, and does
    not end the others.

    \b
    Examples:
      cekalwatch-camera run --source rtsp://10.0.0.7/1 --camera-id gate-1
      cekalwatch-camera run --source 0 --camera-id gate-2
      cekalwatch-camera run --source walk.mp4 --realtime --camera-id gate-1
      cekalwatch-camera run        # as /etc/cekalwatch/camera.toml says
    """
    loaded = CameraSettings.load_with_sources(
        config,
        source=source,
        camera_id=camera_id,
        realtime=realtime,
        rtsp_transport=rtsp_transport,
        server_addresses=server,
        tls_dir=tls_dir,
        detector=detector,
        detect_every=detect_every,
        threads=threads,
        log_level=log_level,
    )
    configure_logs(loaded.values.log_level)
    loaded.log()
    from cekalwatch.camera import app as client

    client.run(loaded.values)


add_settings(app, "cekalwatch-camera", CameraSettings)
add_enrol(app, "cekalwatch-camera", DeviceRole.CAMERA, DEFAULT_TLS_DIR)
