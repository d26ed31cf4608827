"""`cekalwatch-camera preview`: the live picture with faces framed, for aiming a camera."""

from __future__ import annotations

from cekalwatch.camera.cli.options import Config, Detector, Source, WhichCamera, chosen_camera


def preview(
    source: Source = None, detector: Detector = None, config: Config = None, camera_id: WhichCamera = None
) -> None:
    """Show the live picture in a window, with a frame around each face.

    Green: fit for an alert. Amber: would be sent. Red: too small. The figure is
    the distance between the eyes in pixels; 60 or more are wanted. Q, Esc or the
    window's button ends it. Nothing is sent or kept. Needs a screen: 69 without.

    \b
    Examples:
      cekalwatch-camera preview --source rtsp://10.0.0.7/1
      cekalwatch-camera preview --config camera.toml --camera-id gate-1
    """
    settings, one = chosen_camera(config, camera_id, source, detector)
    from cekalwatch.camera.survey.preview import show

    show(one, settings.threads)
