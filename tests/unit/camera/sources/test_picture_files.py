from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cekalwatch.camera.sources import files
from cekalwatch.camera.sources.files import read_picture
from cekalwatch.pictures.errors import PictureError, PictureFault
from tests.support.builders.jpegs import plain_jpeg, scan_bomb
from tests.support.builders.portraits import astronaut

PICTURE = Image.fromarray(astronaut()[100:200, 150:350, ::-1])


def write(folder: Path, data: bytes) -> Path:
    path = folder / "picture"
    path.write_bytes(data)
    return path


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize("options", [{"kind": "PNG"}, {"kind": "JPEG", "quality": 95, "progressive": True}])
def test_a_picture_comes_out_as_it_was_written(tmp_path: Path, options: dict[str, object]) -> None:
    found = read_picture(write(tmp_path, saved(PICTURE, **options)))  # type: ignore[arg-type]
    assert found.shape == (100, 200, 3)
    assert np.abs(found.astype(int) - astronaut()[100:200, 150:350]).mean() < 4


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_camera_held_sideways_gives_an_upright_picture(tmp_path: Path, orientation: int) -> None:
    from PIL import ImageOps

    mark = Image.Exif()
    mark[0x0112] = orientation
    data = saved(PICTURE, "PNG", exif=mark)
    with Image.open(io.BytesIO(data)) as image:
        wanted = np.asarray(ImageOps.exif_transpose(image))[:, :, ::-1]
    assert np.array_equal(read_picture(write(tmp_path, data)), wanted)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", PictureFault.OTHER_FORMAT),
        (saved(PICTURE, "WEBP"), PictureFault.OTHER_FORMAT),
        (saved(PICTURE, "PNG")[:-20], PictureFault.DAMAGED),
        (plain_jpeg().replace(b"\xff\xc4", b"\xff\xdd"), PictureFault.DAMAGED),
        (scan_bomb(2_000, 2_000, 3_000), PictureFault.TOO_COSTLY),
        (plain_jpeg(8_000, 6_300), PictureFault.TOO_LARGE),
        (saved(Image.new("1", (8_000, 6_300)), "PNG"), PictureFault.TOO_LARGE),
    ],
)
def test_what_cannot_be_read_has_its_fault(tmp_path: Path, data: bytes, fault: PictureFault) -> None:
    with pytest.raises(PictureError) as caught:
        read_picture(write(tmp_path, data))
    assert caught.value.fault is fault


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_FILE_BYTES", 100)
    with pytest.raises(PictureError) as caught:
        read_picture(write(tmp_path, plain_jpeg()))
    assert caught.value.fault is PictureFault.TOO_LARGE
