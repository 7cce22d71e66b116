"""The tour by server reflection alone: what the services are is asked of the server itself.

python reflection.py 127.0.0.1:8080
"""

import sys
from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf import descriptor, descriptor_pool, json_format, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from reasons import refusal

SECONDS = 20


class Service:
    """The methods that the server says a service has. They take dictionaries, and an access token."""

    def __init__(self, channel: grpc.Channel, pool: descriptor_pool.DescriptorPool, name: str) -> None:
        for method in pool.FindServiceByName(name).methods:
            setattr(self, method.name, callable_of(channel, method))


def callable_of(channel: grpc.Channel, method: descriptor.MethodDescriptor) -> Callable[..., Any]:
    """A method as a function. One that streams its answer returns an iterator, which is a call as well."""
    request = message_factory.GetMessageClass(method.input_type)
    response = message_factory.GetMessageClass(method.output_type)
    connect = channel.unary_stream if method.server_streaming else channel.unary_unary
    call = connect(
        f"/{method.containing_service.full_name}/{method.name}",
        request_serializer=request.SerializeToString,
        response_deserializer=response.FromString,
    )

    def invoke(fields: dict[str, Any], token: str | None = None) -> Any:
        metadata = [("authorization", f"Bearer {token}")] if token else []
        return call(json_format.ParseDict(fields, request()), metadata=metadata, timeout=SECONDS)

    return invoke


def event(watch: Any) -> Any:
    """The next message of a watch that tells of a change; the first and the heartbeats do not."""
    return next(message for message in watch if message.WhichOneof("event"))


def tour(channel: grpc.Channel) -> None:
    described = ProtoReflectionDescriptorDatabase(channel)
    names = [name for name in described.get_services() if name.startswith("holdfast.")]
    assert names == ["holdfast.auth.v1.AuthService", "holdfast.task.v1.TaskService"], names
    pool = descriptor_pool.DescriptorPool(described)
    auth, tasks = (Service(channel, pool, name) for name in names)

    person = {"email": "grace@example.com", "password": "correct horse battery staple"}
    assert auth.Register({**person, "displayName": "Grace"}).user.display_name == "Grace"
    tokens = auth.Login(person).tokens
    token = tokens.access_token

    task = tasks.CreateTask({"task": {"title": "Buy milk", "tags": ["home"], "due": {"date": "2026-12-24"}}}, token)
    assert task.due.date == "2026-12-24"
    assert list(tasks.ListTasks({"tag": "home"}, token).tasks) == [task]

    change = {"task": {"id": task.id, "priority": "PRIORITY_HIGH", "etag": task.etag}, "updateMask": "priority,due"}
    changed = tasks.UpdateTask(change, token)
    assert changed.title == "Buy milk" and not changed.HasField("due") and changed.etag != task.etag

    watch = tasks.WatchTasks({}, token)
    assert next(watch).sync_token
    completed = tasks.CompleteTask({"id": task.id}, token)
    assert completed.completed and event(watch).task == completed

    assert refusal(tasks.UpdateTask, change, token) == ("ABORTED", "ETAG_MISMATCH")
    assert refusal(tasks.CreateTask, {"task": {"title": " "}}, token) == ("INVALID_ARGUMENT", "FIELD_INVALID")
    assert refusal(tasks.ListTasks, {}) == ("UNAUTHENTICATED", "TOKEN_MISSING")

    parts = list(tasks.ExportTasks({"format": "csv"}, token))
    assert parts[0].content_type.startswith("text/csv")
    assert b"Buy milk" in b"".join(part.data for part in parts)

    refreshed = auth.Refresh({"refreshToken": tokens.refresh_token}).tokens
    assert tasks.GetTask({"id": task.id}, refreshed.access_token) == completed

    # The watch ends with the session; from then on its tokens are of no use, however long they would be good.
    auth.Logout({"refreshToken": refreshed.refresh_token})
    assert refusal(event, watch) == ("UNAUTHENTICATED", "SESSION_REVOKED")
    for old in (token, refreshed.access_token):
        assert refusal(tasks.ListTasks, {}, old) == ("UNAUTHENTICATED", "SESSION_REVOKED")
    refused = refusal(auth.Refresh, {"refreshToken": refreshed.refresh_token})
    assert refused == ("UNAUTHENTICATED", "SESSION_REVOKED"), refused


if __name__ == "__main__":
    with grpc.insecure_channel(sys.argv[1]) as gateway:
        tour(gateway)
    print("The tour is complete.")
