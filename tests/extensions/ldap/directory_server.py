"""OpenLDAP (`slapd`) on this machine with TLS, people and groups, as an office's directory; nothing of it is a fake.

It has the attributes of Active Directory by which accounts are disabled, under their own identifiers.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import ldap3
import pytest
from ldap3.utils.dn import escape_rdn

from cekalwatch.extensions.ldap.settings import DirectoryTerms
from cekalwatch.wire.tls import TlsFiles

BASE: Final = "dc=imigrasi,dc=local"
PEOPLE: Final = f"ou=People,{BASE}"
GROUPS: Final = f"ou=Groups,{BASE}"
ACCOUNT: Final = f"cn=cekalwatch,{BASE}"
PASSWORD: Final = "baca saja (dan * lain)"
KEEPER: Final = f"cn=keeper,{BASE}"
KEEPER_PASSWORD: Final = "pengelola"
STARTS_WITHIN_S: Final = 20.0

_SCHEMA = """
attributetype ( 1.2.840.113556.1.4.221 NAME 'sAMAccountName' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.8 NAME 'userAccountControl' EQUALITY integerMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.159 NAME 'accountExpires' EQUALITY integerMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
objectclass ( 1.3.6.1.4.1.99999.1 NAME 'account365' AUXILIARY
  MAY ( sAMAccountName $ userAccountControl $ accountExpires ) )
"""


class DirectoryServer:
    """A directory with an account that may read; use it as a context manager."""

    def __init__(self, folder: Path, files: TlsFiles) -> None:
        program = shutil.which("slapd") or "/usr/sbin/slapd"
        if not Path(program).exists():
            pytest.skip("slapd is not installed: apt-get install slapd")
        self.folder, self.files, self._program = folder, files, program
        self.port, self.plain_port = _free_ports(2)
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "data").mkdir(parents=True)
        self._configure()
        self.secret = folder / "directory.secret"
        self.secret.write_text(f"{PASSWORD}\n")
        self.secret.chmod(0o600)

    def _configure(self) -> None:
        (self.folder / "office.schema").write_text(_SCHEMA)
        schemas = "".join(f"include /etc/ldap/schema/{name}.schema\n" for name in ("core", "cosine", "inetorgperson"))
        modules = "".join(f"moduleload {name}\n" for name in ("back_mdb", "memberof", "refint"))
        (self.folder / "slapd.conf").write_text(
            f"{schemas}include {self.folder}/office.schema\nmodulepath /usr/lib/ldap\n{modules}"
            f"TLSCertificateFile {self.files.certificate}\nTLSCertificateKeyFile {self.files.key}\n"
            f"security simple_bind=128\nsizelimit 500\n"
            f'database mdb\nsuffix "{BASE}"\nrootdn "{KEEPER}"\nrootpw {KEEPER_PASSWORD}\n'
            f"directory {self.folder}/data\nmaxsize 1073741824\ndbnosync\n"
            f"index objectClass,memberOf,sAMAccountName eq\n"
            # The size limit is for who asks without pages: a page after a page gets everything.
            f'limits dn.exact="{ACCOUNT}" size.soft=500 size.prtotal=unlimited\n'
            f'access to attrs=userPassword by anonymous auth by * none\naccess to * by dn.exact="{ACCOUNT}" read'
            " by * none\noverlay memberof\nmemberof-dangling ignore\n"
            "overlay refint\nrefint_attributes memberOf member\n"
        )

    @property
    def terms(self) -> DirectoryTerms:
        """How a server asks it."""
        return DirectoryTerms((f"ldaps://127.0.0.1:{self.port}",), ACCOUNT, self.secret, PEOPLE, self.files.authority)

    def __enter__(self) -> Self:
        self.start()
        organization = {"objectClass": ["dcObject", "organization"], "o": "Imigrasi", "dc": "imigrasi"}
        self.put(BASE, organization)
        for unit in (PEOPLE, GROUPS):
            self.put(unit, {"objectClass": "organizationalUnit"})
        self.put(ACCOUNT, {"objectClass": ["organizationalRole", "simpleSecurityObject"], "userPassword": PASSWORD})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it; it answers when this returns. Its certificate is not for the address 127.0.0.2."""
        urls = " ".join(
            f"ldaps://{one}:{self.port} ldap://{one}:{self.plain_port}" for one in ("127.0.0.1", "127.0.0.2")
        )
        with (self.folder / "slapd.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "-d", "0", "-f", self.folder / "slapd.conf", "-h", urls], stdout=log, stderr=log
            )
        until = time.monotonic() + STARTS_WITHIN_S
        while time.monotonic() < until:
            if self._process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise AssertionError((self.folder / "slapd.log").read_text())

    def stop(self) -> None:
        """Stop it; what it has stays."""
        if self._process:
            self._process.terminate()
            self._process.wait(STARTS_WITHIN_S)
            self._process = None

    @contextmanager
    def keeper(self) -> Iterator[Any]:
        """Yield a connection of who keeps the directory."""
        server = ldap3.Server("127.0.0.1", self.port, use_ssl=True, get_info=ldap3.NONE)
        line = ldap3.Connection(server, KEEPER, KEEPER_PASSWORD, auto_bind=True, raise_exceptions=True)
        try:
            yield line
        finally:
            line.unbind()

    def put(self, dn: str, attributes: dict[str, Any]) -> None:
        with self.keeper() as line:
            line.add(dn, attributes=attributes)

    def hire(self, *names: str, **more: Any) -> list[str]:
        """Add people, and return their distinguished names."""
        added = []
        with self.keeper() as line:
            for name in names:
                dn = f"cn={escape_rdn(name)},{PEOPLE}"
                facts = {"sAMAccountName": name, "displayName": f"Petugas {name}", "sn": "x", "userAccountControl": 512}
                line.add(dn, ["inetOrgPerson", "account365"], facts | more)
                added.append(dn)
        return added

    def group(self, name: str, members: Iterable[str]) -> str:
        """Add a group with these members, by distinguished name, and return its own."""
        dn = f"cn={escape_rdn(name)},{GROUPS}"
        self.put(dn, {"objectClass": "groupOfNames", "member": list(members)})
        return dn

    def change(self, dn: str, attribute: str, how: str, values: Sequence[str]) -> None:
        """Change an attribute; `how` is one of ldap3's MODIFY_… words."""
        with self.keeper() as line:
            line.modify(dn, {attribute: [(how, list(values))]})

    def delete(self, dn: str) -> None:
        with self.keeper() as line:
            line.delete(dn)


def _free_ports(count: int) -> list[int]:
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in listeners]
    for one in listeners:
        one.close()
    return ports
