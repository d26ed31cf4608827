"""What the papers of an office say about its installation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from types import MappingProxyType

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.extensions.notices.settings import Section
from cekalwatch.server.domain.people import Person
from cekalwatch.server.settings.settings import ServerSettings

DISTRIBUTION = "cekalwatch"
NEEDED_ADMINISTRATORS = 2
"""Administrators without whom nobody can change rights: such a change needs two."""
_KEY_FILE = "file:"
MAX_LICENCE = 60
"""Characters of a licence's name; some makers state the whole text."""


@dataclass(frozen=True)
class Component:
    """An installed piece of software."""

    name: str
    version: str
    licence: str
    """As its maker states it; empty when nothing is stated."""


@dataclass(frozen=True)
class Installation:
    """What there is at one moment."""

    settings: ServerSettings
    made_at: datetime
    """With the time zone of the first site."""
    people: tuple[Person, ...]
    """Those with an account, disabled ones too."""
    subjects: int
    """People on the list."""
    first_looks: bool
    """Whether officers see two faces first."""

    @property
    def version(self) -> str:
        """The installed version."""
        return installed_version()

    @property
    def roles(self) -> Mapping[PersonRole, int]:
        """How many people who may sign in have each role."""
        return Counter(role for person in self.people if not person.disabled for role in person.roles)

    @property
    def measures(self) -> Mapping[str, bool]:
        """Whether each measure that can be turned off, or has to be set up, is in force here."""
        settings, key = self.settings, self.settings.master_key_from
        audit, backup = settings.audit, settings.backup
        return MappingProxyType(
            {
                "first_looks": self.first_looks,
                "certificates": settings.tls_path.is_dir(),
                "key_elsewhere": bool(key) and not key.startswith(_KEY_FILE),
                "trail_elsewhere": bool(Section.of(settings).notices.syslog),
                "checkpoints_elsewhere": bool(audit.checkpoint_file or audit.syslog),
                "time_stamps": bool(audit.timestamp_url),
                "backups": bool(backup.recipients and backup.folder),
                "backups_without_keys": not backup.with_keys,
                "provider": settings.openid is not None,
                "source": settings.watchlist.source is not None,
                "auditor": self.roles[PersonRole.AUDITOR] > 0,
                "administrators": self.roles[PersonRole.ADMINISTRATOR] >= NEEDED_ADMINISTRATORS,
            }
        )

    @property
    def components(self) -> tuple[Component, ...]:
        """The installed distributions, by name, as their makers describe them."""
        found = {one.name: _component(one) for one in metadata.distributions() if one.name}
        return tuple(found[name] for name in sorted(found, key=str.casefold))


def installed_version() -> str:
    """Return the version of Cekalwatch that runs."""
    return metadata.version(DISTRIBUTION)


def _component(one: metadata.Distribution) -> Component:
    said = one.metadata
    short = [text for text in said.get_all("License") or () if len(text) <= MAX_LICENCE and "\n" not in text]
    stated = (
        said.get_all("License-Expression")
        or short
        or [
            classifier.rsplit(" :: ", 1)[-1]
            for classifier in said.get_all("Classifier") or ()
            if classifier.startswith("License :: ") and not classifier.endswith("OSI Approved")
        ]
    )
    return Component(one.name, one.version, ", ".join(stated))
