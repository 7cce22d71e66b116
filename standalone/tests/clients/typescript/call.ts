// One call as Ada of the README's tour: a token in the metadata, a deadline, and the reason of an error.

import { Code, ConnectError, createClient } from "@connectrpc/connect";
// In a page: from "@connectrpc/connect-web", which needs no httpVersion.
import { createGrpcWebTransport } from "@connectrpc/connect-node";

import { ErrorInfoSchema } from "./generated/google/rpc/error_details_pb.js";
import { AuthService } from "./generated/holdfast/auth/v1/auth_pb.js";
import { TaskService } from "./generated/holdfast/task/v1/task_pb.js";

const gateway = createGrpcWebTransport({ baseUrl: "http://127.0.0.1:8080", httpVersion: "1.1" });
const login = { email: "ada@example.com", password: "correct horse battery staple" };
const { tokens } = await createClient(AuthService, gateway).login(login, { timeoutMs: 10_000 });
const headers = { authorization: `Bearer ${tokens?.accessToken}` };

const tasks = createClient(TaskService, gateway);
for (const title of ["Try TypeScript", " "]) {
  try {
    const task = await tasks.createTask({ task: { title } }, { headers, timeoutMs: 10_000 });
    console.log(task.title);
  } catch (error) {
    const failure = ConnectError.from(error);
    const [info] = failure.findDetails(ErrorInfoSchema);
    console.log(Code[failure.code], info?.reason); // InvalidArgument FIELD_INVALID
  }
}
