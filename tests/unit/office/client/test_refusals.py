"""A refused call in words: what is still owed, and who can do what the person may not."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from cekalwatch.notifier.locale.texts import NotifierTexts
from cekalwatch.office.client.refusals import explain
from cekalwatch.program.translations import Language


class Refusing(grpc.GenericRpcHandler):
    """Refuses every call with the reason and the details that are its request."""

    def service(self, _: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        def refuse(request: bytes, context: grpc.ServicerContext) -> bytes:
            status = status_pb2.Status(code=code_pb2.FAILED_PRECONDITION)
            status.details.add().Pack(error_details_pb2.ErrorInfo.FromString(request))
            context.abort_with_status(rpc_status.to_status(status))
            return b""

        return grpc.unary_unary_rpc_method_handler(refuse)


@pytest.fixture
def channel() -> Iterator[grpc.Channel]:
    server = grpc.server(ThreadPoolExecutor(1), handlers=[Refusing()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as opened:
        yield opened
    server.stop(None).wait()


def refused(channel: grpc.Channel, reason: str, language: Language, **details: str) -> str:
    info = error_details_pb2.ErrorInfo(reason=reason, metadata=details)
    with pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary("/any/Call")(info.SerializeToString())
    return explain(caught.value, NotifierTexts(language))


def test_closing_too_early_says_which_agencies_must_still_be_told(channel: grpc.Channel) -> None:
    said = refused(channel, "FOLLOW_UP_MISSING", Language.ID, agencies="KPK, Polri")
    assert said == "Catat dahulu kontak dengan KPK, Polri."
    assert refused(channel, "FOLLOW_UP_MISSING", Language.ID) == "Catat dahulu kontak dengan instansi."


def test_a_refusal_for_a_role_says_who_can(channel: grpc.Channel) -> None:
    said = refused(channel, "PERSON_ROLE_NEEDED", Language.ID, roles="OFFICER,SUPERVISOR")
    assert said.endswith("Yang dapat melakukannya: petugas, penyelia.")
    said = refused(channel, "PERSON_ROLE_NEEDED", Language.EN, roles="SUPERVISOR")
    assert said.endswith("Who can do it: supervisor.")


@pytest.mark.parametrize("roles", ["", "COMMANDER"])
def test_a_role_that_only_a_newer_server_knows_is_not_named(channel: grpc.Channel, roles: str) -> None:
    said = refused(channel, "PERSON_ROLE_NEEDED", Language.EN, roles=roles)
    assert said == "Your role does not allow this step."
