"""One call as Ada of the README's tour: a token in the metadata, a deadline, and the reason of an error."""

import grpc
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status
from holdfast.auth.v1 import auth_pb2, auth_pb2_grpc
from holdfast.task.v1 import task_pb2, task_pb2_grpc

# The gateway takes calls for both services; their own ports, 50051 and 50052, each take theirs.
with grpc.insecure_channel("127.0.0.1:8080") as gateway:
    login = auth_pb2.LoginRequest(email="ada@example.com", password="correct horse battery staple")
    tokens = auth_pb2_grpc.AuthServiceStub(gateway).Login(login, timeout=10).tokens
    bearer = [("authorization", f"Bearer {tokens.access_token}")]

    tasks = task_pb2_grpc.TaskServiceStub(gateway)
    for title in ("Try Python", " "):
        try:
            new = task_pb2.CreateTaskRequest(task=task_pb2.Task(title=title))
            print(tasks.CreateTask(new, metadata=bearer, timeout=10).title)
        except grpc.RpcError as error:
            status = rpc_status.from_call(error)
            for detail in status.details if status else ():
                info = ErrorInfo()
                if detail.Unpack(info):
                    print(error.code().name, info.reason)  # INVALID_ARGUMENT FIELD_INVALID
