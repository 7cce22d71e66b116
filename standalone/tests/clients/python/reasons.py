"""Why a call failed: the reason that Holdfast gives with every error, which stays the same when its words change."""

from typing import Any

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status


def reason_of(error: grpc.RpcError) -> str | None:
    """The reason, such as TASK_NOT_FOUND. None when the error is not Holdfast's: nothing answered, for example."""
    status = rpc_status.from_call(error)
    for detail in status.details if status else ():
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info) and info.domain == "holdfast":
            return info.reason
    return None


def refusal(call: Any, *arguments: Any) -> tuple[str, str | None]:
    """Makes a call that must fail: the code and the reason."""
    try:
        call(*arguments)
    except grpc.RpcError as error:
        return error.code().name, reason_of(error)
    raise AssertionError("the call succeeded")
