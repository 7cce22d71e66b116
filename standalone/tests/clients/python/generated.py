"""The tour with what grpcio-tools generates from the contract, at the services themselves.

python generated.py 127.0.0.1:50051 127.0.0.1:50052
"""

import sys
from typing import Any

import grpc
from google.protobuf.field_mask_pb2 import FieldMask
from holdfast.auth.v1 import auth_pb2, auth_pb2_grpc
from holdfast.task.v1 import task_pb2, task_pb2_grpc

from reasons import refusal

SECONDS = 20


class Bearer:
    """The calls of a service with an access token and a deadline."""

    def __init__(self, stub: Any, token: str) -> None:
        self.stub = stub
        self.metadata = [("authorization", f"Bearer {token}")]

    def __getattr__(self, name: str) -> Any:
        call = getattr(self.stub, name)
        return lambda request: call(request, metadata=self.metadata, timeout=SECONDS)


def tour(auth: auth_pb2_grpc.AuthServiceStub, stub: task_pb2_grpc.TaskServiceStub) -> None:
    person = {"email": "barbara@example.com", "password": "correct horse battery staple"}
    registered = auth.Register(auth_pb2.RegisterRequest(**person, display_name="Barbara"), timeout=SECONDS)
    assert registered.user.display_name == "Barbara"
    tokens = auth.Login(auth_pb2.LoginRequest(**person), timeout=SECONDS).tokens
    tasks = Bearer(stub, tokens.access_token)

    new = task_pb2.Task(title="Buy milk", tags=["home"], due=task_pb2.Due(date="2026-12-24"))
    task = tasks.CreateTask(task_pb2.CreateTaskRequest(task=new))
    assert list(tasks.ListTasks(task_pb2.ListTasksRequest(tag="home")).tasks) == [task]

    change = task_pb2.UpdateTaskRequest(
        task=task_pb2.Task(id=task.id, priority=task_pb2.PRIORITY_HIGH, etag=task.etag),
        update_mask=FieldMask(paths=["priority", "due"]),
    )
    changed = tasks.UpdateTask(change)
    assert changed.title == "Buy milk" and not changed.HasField("due")

    watch = tasks.WatchTasks(task_pb2.WatchTasksRequest())
    assert next(watch).sync_token
    completed = tasks.CompleteTask(task_pb2.CompleteTaskRequest(id=task.id))
    assert next(message for message in watch if message.HasField("task")).task == completed

    assert refusal(tasks.UpdateTask, change) == ("ABORTED", "ETAG_MISMATCH")
    absent = task_pb2.GetTaskRequest(id=registered.user.id)
    assert refusal(tasks.GetTask, absent) == ("NOT_FOUND", "TASK_NOT_FOUND")

    parts = list(tasks.ExportTasks(task_pb2.ExportTasksRequest(format="ics")))
    assert parts[0].content_type.startswith("text/calendar")
    assert b"Buy milk" in b"".join(part.data for part in parts)

    refreshed = auth.Refresh(auth_pb2.RefreshRequest(refresh_token=tokens.refresh_token), timeout=SECONDS).tokens
    auth.Logout(auth_pb2.LogoutRequest(refresh_token=refreshed.refresh_token), timeout=SECONDS)
    # The watch ends with the session, and so does the token.
    assert refusal(list, watch) == ("UNAUTHENTICATED", "SESSION_REVOKED")
    assert refusal(tasks.ListTasks, task_pb2.ListTasksRequest()) == ("UNAUTHENTICATED", "SESSION_REVOKED")


if __name__ == "__main__":
    with grpc.insecure_channel(sys.argv[1]) as auth_service, grpc.insecure_channel(sys.argv[2]) as task_service:
        tour(auth_pb2_grpc.AuthServiceStub(auth_service), task_pb2_grpc.TaskServiceStub(task_service))
    print("The tour is complete.")
