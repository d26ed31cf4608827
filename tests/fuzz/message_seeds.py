"""What fuzzing of requests, answers and files starts from: messages with every field, and sound files.

python -m tests.fuzz.message_seeds    # writes them to tests/fuzz/corpus
"""

from __future__ import annotations

import base64
import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jwt
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from cekalwatch.server.audit.checkpoints import Checkpoint
from cekalwatch.v1 import people_service_pb2, session_service_pb2
from cekalwatch.wire.invitation import InvitationCode
from tests.fuzz import answer_targets, request_targets
from tests.fuzz.seeds import store
from tests.support.builders.alerts import NOON
from tests.support.tools.packs import light_pack

LAW = """kind = "CEGAH"
holds_from = 2027-01-01
article = "UU 6/2011 Pasal 97"
term_months = 6
extension_months = 6
extensions = 1
urgent_facts = ["sex", "nationality"]
unconfirmed = []
confirmed_by = ""
"""
MAX_DEPTH = 5


def filled(message: Message, depth: int = MAX_DEPTH) -> Message:
    """Put something into each field, the first of each choice, and return the message."""
    for field in message.DESCRIPTOR.fields:
        chosen = field.containing_oneof
        if chosen and len(chosen.fields) > 1 and chosen.fields[0] is not field:
            continue
        if field.message_type and field.message_type.GetOptions().map_entry:
            continue
        if field.message_type:
            if field.message_type.full_name == "google.protobuf.Timestamp":
                part = getattr(message, field.name)
                (part.add() if field.is_repeated else part).FromDatetime(NOON)
            elif depth:
                part = getattr(message, field.name)
                filled(part.add() if field.is_repeated else part, depth - 1)
                continue
        else:
            value = _value(field)
            if field.is_repeated:
                getattr(message, field.name).append(value)
            else:
                setattr(message, field.name, value)
    return message


def _value(field: Any) -> object:
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING:
            named = field.name.endswith("_id")
            text = "019a0000-0000-7000-8000-000000000001" if named else "2026-01-01" if "day" in field.name else "a"
            return text.encode() if field.type == FieldDescriptor.TYPE_BYTES else text
        case FieldDescriptor.CPPTYPE_BOOL:
            return True
        case FieldDescriptor.CPPTYPE_FLOAT | FieldDescriptor.CPPTYPE_DOUBLE:
            return 0.5
    return 1


def message_seeds(kinds: Sequence[tuple[type[Message], object]]) -> Iterator[bytes]:
    """Give a full message of each choice of each kind, after the byte that tells the kind; and an empty one."""
    for number, (kind, _) in enumerate(kinds):
        for message in _choices(kind):
            yield bytes([number]) + message.SerializeToString()
    yield bytes([0])


def _choices(kind: type[Message]) -> Iterator[Message]:
    yield filled(kind())
    for choice in kind.DESCRIPTOR.oneofs:
        for field in choice.fields[1:]:
            if field.message_type:
                message = filled(kind())
                chosen = getattr(message, field.name)
                chosen.SetInParent()
                filled(chosen, MAX_DEPTH - 1)
                yield message


def approval_seed() -> bytes:
    """Give a question for a signature that names a method of ours and has its request."""
    request = filled(people_service_pb2.AddPersonRequest()).SerializeToString()
    asked = session_service_pb2.AskApprovalRequest(method="/cekalwatch.v1.PeopleService/AddPerson", request=request)
    kinds = [kind for kind, _ in request_targets.KINDS]
    return bytes([kinds.index(type(asked))]) + asked.SerializeToString()


def provider_seeds() -> Iterator[bytes]:
    """Give metadata and keys, a token, and claims."""
    issuer, now = answer_targets.ISSUER, int(NOON.timestamp())
    about: dict[str, object] = {f"{name}_endpoint": issuer for name in ("authorization", "token", "end_session")}
    about |= {"issuer": issuer, "jwks_uri": issuer, "authorization_response_iss_parameter_supported": True}
    claims: dict[str, object] = {
        "iss": issuer,
        "sub": "1",
        "aud": [answer_targets.CLIENT],
        "nonce": answer_targets.PROOF.nonce,
    }
    claims |= {"iat": now, "exp": now + 60, "auth_time": now, "azp": answer_targets.CLIENT}
    yield b"\0" + json.dumps(about).encode() + b"\n" + json.dumps({"keys": [answer_targets.PUBLIC]}).encode()
    token = jwt.api_jws.encode(json.dumps(claims).encode(), answer_targets.KEY.key, "EdDSA")
    yield b"\1" + token.encode()
    yield b"\2" + json.dumps(claims).encode()
    yield b"\2{}"


def backup_seeds() -> Iterator[bytes]:
    """Give the content of a backup, one with another file, one that is cut off, no archive, and one of members."""
    manifest = json.dumps({"form": 1, "files": {"data/a": {"size": 1, "sha256": "0" * 64}}}).encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in (("data/a/000000", b"x"), ("manifest.json", manifest)):
            about = tarfile.TarInfo(name)
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))
    whole = packed.getvalue()[:3072]
    yield b"\0" + whole
    yield b"\0" + whole.replace(b"data/a", b"../a/b")
    yield b"\0" + whole[:700]
    yield b"\1age-encryption.org/v1\n-> X25519 " + base64.b64encode(bytes(32)) + b"\n\n--- \n"
    yield b"\2data/a/000000|1|0|x\ndata/b/000000|-1000|0|\nmanifest.json|" + b"%o" % len(manifest) + b"|0|" + manifest


def invitation_seeds() -> Iterator[bytes]:
    """Give invitations of each kind of device, and a code."""
    code = InvitationCode(bytes(10), bytes(16)).text
    place = f"server=cekal.local:50051&enrol=cekal.local:50052&code={code}"
    yield f"\0cekalwatch://batam-center/camera/departure-1?{place}".encode()
    yield f"\0cekalwatch://batam-center/notifier/desk-1?{place}&counter=D1&counter=D2".encode()
    yield f"\0cekalwatch://batam-center/console/web?{place}&host=cekal.local&zone=Asia/Jakarta".encode()
    yield b"\1" + code.lower().encode()


def checkpoint_seeds() -> Iterator[bytes]:
    """Give a line with a stamp and one without, one that is cut off, and another document."""
    one = Checkpoint(1, 7, "0" * 64, "2026-11-26T00:00:00.000000Z", base64.b64encode(bytes(32)).decode(), "AAAA")
    line = one.to_json()
    yield line.encode() + b"\n"
    yield json.dumps(json.loads(line) | {"timestamp": "AAAA"}).encode() + b"\n" + line[:30].encode()
    yield b'{"number": 1}\n'
    yield b"[]\n"


def law_seeds() -> Iterator[bytes]:
    """Give a row, one with another kind of value, one without what is needed, and no TOML."""
    yield LAW.encode()
    yield LAW.replace("= 6", '= "six"').encode()
    yield b'kind = "TANGKAL"\nholds_from = 1979-05-27T07:32:00Z\n'
    yield b"kind = \xff"


def pack_seeds() -> Iterator[bytes]:
    """Give a sound manifest, and some that are none."""
    sound = (Path(light_pack()) / "manifest.json").read_bytes()
    yield sound
    yield sound.replace(b'"format"', b'"form"', 1)
    yield b"{}"
    yield b"[]"


def main() -> None:
    """Write them."""
    store("request", [*message_seeds(request_targets.KINDS), approval_seed()])
    store("server_answer", message_seeds(answer_targets.KINDS))
    store("provider_answer", provider_seeds())
    store("backup", backup_seeds())
    store("invitation", invitation_seeds())
    store("checkpoints", checkpoint_seeds())
    store("law_file", law_seeds())
    store("model_pack", pack_seeds())


if __name__ == "__main__":
    main()
