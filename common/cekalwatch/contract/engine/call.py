"""A method of a service: what it asks and answers, and who may call it. And the forms of small messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, overload

from google.protobuf.message import Message

from cekalwatch.contract.engine.scalars import Reading
from cekalwatch.contract.values.rights import Right

P = ParamSpec("P")
Q = TypeVar("Q")
A = TypeVar("A")
A_co = TypeVar("A_co", covariant=True)
V = TypeVar("V")
M = TypeVar("M", bound=Message)


class Form(Protocol[V]):
    """Both directions of a message, as `Codec` has them."""

    @property
    def message(self) -> type[Message]:
        """The class of the message."""

    def read(self, message: Any, reading: Reading = Reading.LENIENT) -> V:  # noqa: ANN401  # of that class
        """Return the value of a message. Raises as `Codec.read`."""

    def write(self, value: V) -> Message:
        """Return the message of a value."""


@dataclass(frozen=True)
class Plain(Generic[M]):
    """The message itself: its reader knows the fields, or its writer composes it to its size."""

    message: type[M]

    def read(self, message: M, reading: Reading = Reading.LENIENT) -> M:  # noqa: ARG002  # nothing is read
        """Return the message."""
        return message

    def write(self, value: M) -> M:
        """Return the message."""
        return value


@dataclass(frozen=True)
class Nothing:
    """A message without content, and None."""

    message: type[Message]

    def read(self, message: Message, reading: Reading = Reading.LENIENT) -> None:
        """Return None."""

    def write(self, value: None) -> Message:  # noqa: ARG002  # there is only one
        """Return the empty message."""
        return self.message()


@dataclass(frozen=True)
class Text:
    """A message with one text, and the text as it is."""

    message: type[Message]
    field: str

    def read(self, message: Message, reading: Reading = Reading.LENIENT) -> str:  # noqa: ARG002  # as it is
        """Return the text."""
        return str(getattr(message, self.field))

    def write(self, value: str) -> Message:
        """Return the message with the text."""
        return self.message(**{self.field: value})


@dataclass(frozen=True)
class Only(Generic[V]):
    """A message with one field, and the field's value."""

    message: type[Message]
    field: str
    form: Form[V]

    def read(self, message: Message, reading: Reading = Reading.LENIENT) -> V:
        """Return the value of the field."""
        return self.form.read(getattr(message, self.field), reading)

    def write(self, value: V) -> Message:
        """Return the message with the field."""
        return self.message(**{self.field: self.form.write(value)})


@dataclass(frozen=True)
class Several(Generic[V]):
    """A message with one list, and the values in it."""

    message: type[Message]
    field: str
    form: Form[V]

    def read(self, message: Message, reading: Reading = Reading.LENIENT) -> tuple[V, ...]:
        """Return the values."""
        return tuple(self.form.read(one, reading) for one in getattr(message, self.field))

    def write(self, value: Iterable[V]) -> Message:
        """Return the message with the values."""
        return self.message(**{self.field: map(self.form.write, value)})


@dataclass(frozen=True)
class Page(Generic[V]):
    """A message with a list and the token of its next page, and both of them: the last page has an empty token."""

    message: type[Message]
    field: str
    form: Form[V]

    def read(self, message: Any, reading: Reading = Reading.LENIENT) -> tuple[tuple[V, ...], str]:  # noqa: ANN401
        """Return the values and the token."""
        return tuple(self.form.read(one, reading) for one in getattr(message, self.field)), message.next_page_token

    def write(self, value: tuple[Iterable[V], str]) -> Message:
        """Return the message with the values and the token."""
        return self.message(**{self.field: map(self.form.write, value[0]), "next_page_token": value[1]})


@dataclass(frozen=True, eq=False)
class Call(Generic[P, Q, A]):
    """A method of a service of the contract."""

    request: Form[Q]
    """What servers read: a value, or the request itself."""
    ask: Callable[P, Q]
    """Makes it, at clients."""
    answer: Form[A]
    right: Right

    def __call__(self, *given: P.args, **named: P.kwargs) -> Asked[A]:
        """Return a request that can be sent, or that two people can sign."""
        return Asked(self, self.request.write(self.ask(*given, **named)))

    @cached_property
    def method(self) -> Any:  # noqa: ANN401  # descriptors have two types in the stubs
        """The method as the contract describes it, by its request: no two methods share one."""
        asked = self.request.message.DESCRIPTOR
        methods = (method for service in asked.file.services_by_name.values() for method in service.methods)
        return next(method for method in methods if method.input_type is asked)

    @cached_property
    def path(self) -> str:
        """The method, as /PACKAGE.SERVICE/METHOD."""
        return f"/{self.method.containing_service.full_name}/{self.method.name}"

    @cached_property
    def kind(self) -> str:
        """What it takes and gives, one of either or a stream, as gRPC calls it: `unary_stream`."""
        asks, answers = self.method.client_streaming, self.method.server_streaming
        return f"{'stream' if asks else 'unary'}_{'stream' if answers else 'unary'}"

    def on(self, channel: Any) -> Any:  # noqa: ANN401  # of both kinds of gRPC's channels
        """Return the method at the server of a channel; it takes and gives messages."""
        written, read = self.request.message.SerializeToString, self.answer.message.FromString
        return getattr(channel, self.kind)(self.path, request_serializer=written, response_deserializer=read)


@dataclass(frozen=True)
class Asked(Generic[A_co]):
    """A request of a call that answers so."""

    call: Call[..., Any, A_co]
    message: Message

    def on(self, channel: Any, **options: object) -> Any:  # noqa: ANN401  # of both kinds of gRPC's channels
        """Send it; return the message of the answer, or what gives those of a stream."""
        return self.call.on(channel)(self.message, **options)


@overload
def call(request: Form[Q], answer: Form[A], right: Right) -> Call[[Q], Q, A]: ...
@overload
def call(request: Callable[P, M], answer: Form[A], right: Right) -> Call[P, M, A]: ...
def call(request: Any, answer: Form[Any], right: Right) -> Call[..., Any, Any]:
    """Return the call whose request has this form, or is this message, of which clients name the fields."""
    if isinstance(request, type):
        return Call(Plain(request), request, answer, right)
    return Call(request, lambda value: value, answer, right)
