"""Tables of the people who sign in, their sessions, and the names whose wrong passwords are counted."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, LargeBinary, String
from sqlmodel import Field, SQLModel

from cekalwatch.server.storage.columns import LATER, moment, moment_or_none
from cekalwatch.server.storage.integrity.signed_row import SignedRow


class PersonRow(SignedRow, table=True):
    """A person, with the stored form of the password."""

    __tablename__ = "person"

    person_id: str = Field(primary_key=True)
    """A UUID of version 7."""
    sign_in_name: str = Field(unique=True)
    display_name: str
    roles: str
    """JSON list, in order."""
    sites: str
    """JSON list, in order."""
    disabled: bool
    password_hash: str | None
    """Of Argon2; none for who signs in through the identity provider."""
    must_change_password: bool
    second_part: str | None = Field(default=None, sa_column=Column(String, nullable=True, info={LATER: True}))
    """Of the first password: who may take it, a space, and the hexadecimal number that it is made of; none once it is
    taken, or the password changed."""
    withheld: str | None = Field(default=None, sa_column=Column(String, nullable=True, info={LATER: True}))
    """JSON object of two lists, `roles` and `sites`, which do not count now, as groups of the directory say; none where
    all count."""

    provided: str | None = Field(default=None, sa_column=Column(String, nullable=True, info={LATER: True}))
    """JSON object: the person's account at each provider by which they were known here, under the provider's name."""


class DirectoryRow(SignedRow, table=True):
    """One row: when the directory answered last, or two people bound the first group."""

    __tablename__ = "directory"

    id: int = Field(default=1, primary_key=True)
    heard_at: datetime = moment()


class PersonSessionRow(SignedRow, table=True):
    """A session, or the word of a second person that was not used yet."""

    __tablename__ = "person_session"

    token_sha256: str = Field(primary_key=True)
    """Hexadecimal. The token is 256 random bits, so a plain hash reveals nothing."""
    purpose: str
    person_id: str = Field(foreign_key="person.person_id", index=True)
    by_password: bool
    device_binding: str
    """SHA-256 of the device's name and authority, hexadecimal; empty for plaintext on the server's machine."""
    certificate: str
    """Issuer and serial number of the certificate with which it began: revoking that ends it. Empty for plaintext."""
    action: str | None = None
    """What a second person signs for; none for a session, like the next two."""
    argument_sha256: str | None = None
    """Of what the action is done with, hexadecimal."""
    first_session: str | None = None
    """`token_sha256` of the first person's session."""
    used_at: datetime = moment()
    expires_at: datetime = moment(index=True)


class ApprovalRow(SignedRow, table=True):
    """A request for the signature of a second person, who gives it at another device."""

    __tablename__ = "approval"

    approval_id: str = Field(primary_key=True)
    """SHA-256 of its token, hexadecimal: `token_sha256` of the second person's word, once there is one."""
    method: str
    request: str
    """Of the call that will be made, serialised, hexadecimal."""
    first_person_id: str
    first_session: str = Field(index=True)
    """`token_sha256` of the first person's session."""
    device: str
    """Where it was asked for, as SITE/ROLE/NAME."""
    site: str
    device_binding: str
    certificate: str
    asked_at: datetime = moment()
    expires_at: datetime = moment(index=True)
    state: str
    second_person_id: str | None = None


class SignInFailureRow(SQLModel, table=True):
    """How often in a row a name's password was wrong. Names that nobody has are counted like others."""

    __tablename__ = "sign_in_failure"

    name_tag: str = Field(primary_key=True)
    """24 bits of a keyed hash: enough to distinguish names, too few to reveal a password that was typed as one."""
    failures: int
    failed_at: datetime = moment(index=True)
    locked_until: datetime | None = moment_or_none()


class DeviceTriesRow(SQLModel, table=True):
    """How many wrong passwords a device has sent; see `TryAllowance`."""

    __tablename__ = "device_tries"

    binding: str = Field(primary_key=True)
    """Of the device; see `Device`."""
    spent_until: datetime = moment(index=True)


class SignInKeyRow(SQLModel, table=True):
    """One row, made by the first migration: the random key of the names' tags. Who writes of people locks it."""

    __tablename__ = "sign_in_key"

    id: int = Field(primary_key=True)
    key: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
