"""Somebody copied the session of a PC that was then revoked, and works at the PC that took its place and its name."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from cekalwatch.program.secret_files import write_private
from cekalwatch.wire.identity import DeviceRole, Identity
from tests.support.scenarios.sign_in import Desk, Scene, becomes, refused
from tests.support.scenarios.site_pki import SITE, Site, now

PC = Identity(DeviceRole.NOTIFIER, SITE, "pc-1")


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    site = Site(tmp_path)
    return Scene(site, site.settings())


async def has_ended(desk: Desk, token: str) -> bool:
    return await refused(desk.claim(token)) == "SESSION_ENDED"


async def test_a_session_of_a_revoked_device_is_worth_nothing_at_its_replacement_of_the_same_name(scene: Scene):
    scene.hire("budi")
    site, files = scene.site, scene.site.device(DeviceRole.NOTIFIER, "pc-1")
    async with scene.served():
        async with scene.desk() as desk:
            token = await desk.sign_in()
        # It is renewed before it is stolen: the certificate with which the session began is not the one in force.
        write_private(files.certificate, site.pki.chain(site.pki.renew(PC, now())))
        assert await asyncio.to_thread(site.pki.revoke, PC, now()) == 2
        for file in (files.key, files.certificate):
            file.unlink()
        async with scene.desk() as replacement:
            await becomes(lambda: has_ended(replacement, token))
            assert await refused(replacement.claim(await replacement.sign_in())) == "ALERT_NOT_FOUND"


async def test_a_session_that_began_with_a_certificate_that_has_run_out_since_ends_with_the_others(scene: Scene):
    scene.hire("budi")
    site = scene.site
    files = site.device(DeviceRole.NOTIFIER, "pc-1", issued_at=now() - timedelta(days=398) + timedelta(hours=1))
    async with scene.served():
        async with scene.desk() as desk:
            token = await desk.sign_in()
        after = now() + timedelta(hours=2)
        write_private(files.certificate, site.pki.chain(site.pki.renew(PC, now())))
        assert site.pki.revoke(PC, after) == 1, "one was in force, the other had run out"
        for file in (files.key, files.certificate):
            file.unlink()
        async with scene.desk() as replacement:
            await becomes(lambda: has_ended(replacement, token))
