"""A certificate's folder: what is refused, and what happens while files are being replaced."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cekalwatch.program.connection import open_dialer
from cekalwatch.program.errors import ProgramError
from cekalwatch.program.secret_files import write_private
from cekalwatch.wire.address import AddressError
from cekalwatch.wire.dialer import Dialer
from cekalwatch.wire.identity import DeviceRole, Identity
from cekalwatch.wire.tls import FollowedTls, TlsError, TlsFiles
from tests.support.scenarios.site_pki import SITE, Site, now


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


@pytest.fixture
def files(site: Site) -> TlsFiles:
    return site.device(DeviceRole.CAMERA, "dep-1")


def test_what_was_issued_can_be_used(files: TlsFiles) -> None:
    assert files.read().certificate.count(b"BEGIN CERTIFICATE") == 2


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
@pytest.mark.parametrize("mode", [0o604, 0o644, 0o660, 0o666, 0o602])
def test_key_that_others_may_read_or_change_is_refused_with_the_command_that_helps(files: TlsFiles, mode: int) -> None:
    files.key.chmod(mode)
    with pytest.raises(TlsError, match=f"chmod 600 {files.key}"):
        files.read()


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640])
def test_key_may_be_its_owners_and_a_services_group(files: TlsFiles, mode: int) -> None:
    files.key.chmod(mode)
    files.read()


@pytest.mark.parametrize("name", ["certificate", "key", "authority"])
def test_folder_that_lacks_a_file_is_refused(files: TlsFiles, name: str) -> None:
    getattr(files, name).unlink()
    with pytest.raises(TlsError):
        files.read()


def test_files_that_do_not_go_together_or_are_none_are_refused(site: Site, files: TlsFiles) -> None:
    other = site.device(DeviceRole.CAMERA, "arr-1")
    write_private(files.key, other.key.read_bytes())
    with pytest.raises(TlsError, match="key values mismatch"):
        files.read()
    write_private(files.key, b"nonsense")
    with pytest.raises(TlsError):
        files.read()


def test_half_written_pair_is_passed_over_until_it_is_whole(site: Site, files: TlsFiles) -> None:
    followed = FollowedTls(files, site.problems.append)
    before = followed.current()
    site.pki.revoke(Identity(DeviceRole.CAMERA, SITE, "dep-1"), now())
    replacement = site.folder / "replacement"
    site.pki.issue(Identity(DeviceRole.CAMERA, SITE, "dep-1"), [], replacement, now())
    write_private(files.key, TlsFiles(replacement).key.read_bytes())
    assert followed.current() is before
    assert "key values mismatch" in site.problems[0]
    write_private(files.certificate, TlsFiles(replacement).certificate.read_bytes())
    assert followed.current() == TlsFiles(replacement).read()
    assert len(site.problems) == 1


def test_dialer_is_outdated_by_a_usable_renewal_only(site: Site, files: TlsFiles) -> None:
    dialer = site.dialer("127.0.0.1:1", files)
    dialer.channel().close()
    assert not dialer.outdated
    write_private(files.certificate, b"nonsense")
    assert not dialer.outdated
    write_private(files.certificate, site.pki.chain(site.pki.renew(Identity(DeviceRole.CAMERA, SITE, "dep-1"), now())))
    assert dialer.outdated
    dialer.channel().close()
    assert not dialer.outdated


def test_plaintext_never_leaves_the_machine(tmp_path: Path) -> None:
    with pytest.raises(AddressError, match="not on this machine"):
        Dialer("10.0.0.1:50051", None)
    with pytest.raises(ProgramError, match="enrol this device first"):
        open_dialer("10.0.0.1:50051", tmp_path / "none")
    assert open_dialer("127.0.0.1:50051", tmp_path / "none").material is None


def test_folder_without_certificate_is_no_way_back_to_plaintext(files: TlsFiles) -> None:
    files.certificate.unlink()
    with pytest.raises(ProgramError, match="must have certificate"):
        open_dialer("127.0.0.1:50051", files.folder)
