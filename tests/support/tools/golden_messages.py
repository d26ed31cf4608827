"""Every message of a released contract, filled, as its own protobuf writes it: in bytes, and in words.

python -m tests.support.tools.golden_messages     # writes those of the last release anew
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from google.protobuf import text_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from deploy.release.history import release_commit
from tests.support.repository import ROOT

RELEASE = "0.2.0"
"""The first release: whatever speaks to it speaks to all that followed, since the contract is only added to."""
FILE = ROOT / "tests/unit/contract/golden_messages.json"
_NEARLY_MOST = {
    FieldDescriptor.TYPE_INT32: 2**31 - 100,
    FieldDescriptor.TYPE_UINT32: 2**32 - 100,
    FieldDescriptor.TYPE_INT64: 2**63 - 100,
    FieldDescriptor.TYPE_UINT64: 2**64 - 100,
}


@dataclass(frozen=True)
class Golden:
    """A message with every field set; of each oneof one, so that a message with a oneof has several of these."""

    name: str
    """Of the message, with its package."""
    hexadecimal: str
    """Its bytes."""
    words: str
    """Its fields and the members of its enums by their names (protobuf's text format)."""


def stored() -> list[Golden]:
    """Return those of the file."""
    return [Golden(**one) for one in json.loads(FILE.read_text(encoding="utf-8"))]


def of_commit(commit: str) -> list[Golden]:
    """Return those of the contract of a commit, which this clone must have."""
    return [
        Golden(message.full_name, to_hexadecimal(filled), to_words(filled))
        for message in sorted(_messages(_contract_of(commit)), key=lambda message: message.full_name)
        for filled in _filled_in_turn(message)
    ]


def to_hexadecimal(message: Message) -> str:
    """Return a message's bytes."""
    return message.SerializeToString(deterministic=True).hex()


def to_words(message: Message) -> str:
    """Return a message's fields by their names, on one line; those that the contract does not know by their numbers."""
    return text_format.MessageToString(message, as_one_line=True, print_unknown_fields=True)


def _contract_of(commit: str) -> FileDescriptorSet:
    with TemporaryDirectory() as folder:
        archive = subprocess.run(["git", "archive", commit, "protos"], cwd=ROOT, check=True, capture_output=True)
        subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
        protos, written = Path(folder) / "protos", Path(folder) / "contract"
        options = [f"-I{protos}", f"-I{files('grpc_tools') / '_proto'}", "--include_imports"]
        sources = sorted(map(str, protos.rglob("*.proto")))
        command = [sys.executable, "-m", "grpc_tools.protoc", *options, f"--descriptor_set_out={written}"]
        subprocess.run([*command, *sources], check=True)
        return FileDescriptorSet.FromString(written.read_bytes())


def _messages(contract: FileDescriptorSet) -> Iterator[Descriptor]:
    pool = DescriptorPool()
    for file in contract.file:
        pool.Add(file)
    for file in contract.file:
        if file.package.startswith("cekalwatch."):
            yield from _with_nested(pool.FindFileByName(file.name).message_types_by_name.values())


def _with_nested(messages: Iterable[Descriptor]) -> Iterator[Descriptor]:
    for message in messages:
        if not message.GetOptions().map_entry:
            yield message
            yield from _with_nested(message.nested_types)


def _filled_in_turn(message: Descriptor) -> Iterator[Message]:
    for turn in range(max((len(oneof.fields) for oneof in message.oneofs), default=1)):
        yield _filled(message, turn)


def _filled(message: Descriptor, turn: int = 0) -> Message:
    filled = GetMessageClass(message)()
    for field in message.fields:
        oneof = field.containing_oneof
        if oneof is None or oneof.fields[turn % len(oneof.fields)] is field:
            _fill(filled, field)
    return filled


def _fill(filled: Message, field: FieldDescriptor) -> None:
    if field.message_type and field.message_type.GetOptions().map_entry:
        key, value = field.message_type.fields
        getattr(filled, field.name).update({_content(key, which): _content(value, which) for which in (1, 2)})
    elif field.is_repeated:
        getattr(filled, field.name).extend(_content(field, which) for which in (1, 2))
    elif field.message_type:
        getattr(filled, field.name).CopyFrom(_content(field, 1))
    else:
        setattr(filled, field.name, _content(field, 1))


def _content(field: FieldDescriptor, which: int) -> Any:  # as the field's type says
    """Return content that no other field of the message has, if its type allows."""
    if field.message_type:
        return _filled(field.message_type)
    if field.enum_type:
        return field.enum_type.values[-which].number
    if field.type == FieldDescriptor.TYPE_BOOL:
        return True
    if field.type in {FieldDescriptor.TYPE_FLOAT, FieldDescriptor.TYPE_DOUBLE}:
        return field.number + which / 4
    text = f"{field.name} {which}"
    if field.type == FieldDescriptor.TYPE_STRING:
        return text
    return (
        text.encode() if field.type == FieldDescriptor.TYPE_BYTES else _NEARLY_MOST[field.type] + field.number * which
    )


if __name__ == "__main__":
    found = [asdict(one) for one in of_commit(release_commit(ROOT, RELEASE))]
    FILE.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
