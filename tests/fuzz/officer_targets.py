"""What a server that is not ours any more sends to an officer's PC."""

from __future__ import annotations

from cekalwatch.notifier.desktop.widgets.picture_decoder import decoded_picture
from cekalwatch.wire.bounds import MAX_CROP_PIXELS


def picture(data: bytes) -> None:
    """A picture for the window."""
    shown = decoded_picture(data)
    assert shown.width() * shown.height() <= MAX_CROP_PIXELS
