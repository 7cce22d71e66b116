// The tour with what protoc-gen-es generates from the contract, over gRPC-Web, as from a browser, and over gRPC.
//
// node build/tour.js http://127.0.0.1:8080

import assert from "node:assert/strict";

import { Code, ConnectError, createClient, type CallOptions, type Transport } from "@connectrpc/connect";
import { createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";

import { ErrorInfoSchema } from "./generated/google/rpc/error_details_pb.js";
import { AuthService } from "./generated/holdfast/auth/v1/auth_pb.js";
import { Priority, TaskService, type WatchTasksResponse } from "./generated/holdfast/task/v1/task_pb.js";

const timeoutMs = 20_000;
const password = "correct horse battery staple";

/** A token in the metadata of a call, and a deadline. */
function bearer(accessToken: string): CallOptions {
  return { headers: { authorization: `Bearer ${accessToken}` }, timeoutMs };
}

/** Expects a call to fail with a code, and with the reason that Holdfast gives with every error. */
async function refused(call: Promise<unknown>, code: Code, reason: string): Promise<void> {
  await assert.rejects(call, (error) => {
    assert(error instanceof ConnectError);
    const [info] = error.findDetails(ErrorInfoSchema);
    assert.deepEqual([Code[error.code], info?.domain, info?.reason], [Code[code], "holdfast", reason]);
    return true;
  });
}

/** The next change that a watch tells of; its first message and the heartbeats tell of none. */
async function change(watch: AsyncIterator<WatchTasksResponse>): Promise<WatchTasksResponse["event"]> {
  for (;;) {
    const { value, done } = await watch.next();
    assert(!done, "the watch has ended");
    if (value.event.case !== undefined) {
      return value.event;
    }
  }
}

async function tour(transport: Transport, email: string): Promise<void> {
  const auth = createClient(AuthService, transport);
  const tasks = createClient(TaskService, transport);

  const registered = await auth.register({ email, password, displayName: "Margaret" }, { timeoutMs });
  assert.equal(registered.user?.displayName, "Margaret");
  const { tokens } = await auth.login({ email, password }, { timeoutMs });
  assert(tokens);
  const options = bearer(tokens.accessToken);

  const task = await tasks.createTask(
    { task: { title: "Buy milk", tags: ["home"], due: { date: "2026-12-24" } } },
    options,
  );
  assert.deepEqual((await tasks.listTasks({ tag: "home" }, options)).tasks, [task]);

  const update = {
    task: { id: task.id, priority: Priority.HIGH, etag: task.etag },
    updateMask: { paths: ["priority", "due"] },
  };
  const updated = await tasks.updateTask(update, options);
  assert.deepEqual([updated.title, updated.priority, updated.due], ["Buy milk", Priority.HIGH, undefined]);

  const watch = tasks.watchTasks({}, options)[Symbol.asyncIterator]();
  const first = await watch.next();
  assert(!first.done && first.value.syncToken);
  const completed = await tasks.completeTask({ id: task.id }, options);
  assert(completed.completed);
  assert.deepEqual(await change(watch), { case: "task", value: completed });

  await refused(tasks.updateTask(update, options), Code.Aborted, "ETAG_MISMATCH");
  await refused(tasks.createTask({ task: { title: " " } }, options), Code.InvalidArgument, "FIELD_INVALID");
  await refused(tasks.listTasks({}), Code.Unauthenticated, "TOKEN_MISSING");

  let type = "";
  const parts: Uint8Array[] = [];
  for await (const part of tasks.exportTasks({ format: "csv" }, options)) {
    type ||= part.contentType;
    parts.push(part.data);
  }
  assert.match(type, /^text\/csv/);
  assert.match(Buffer.concat(parts).toString(), /Buy milk/);

  const { tokens: refreshed } = await auth.refresh({ refreshToken: tokens.refreshToken }, { timeoutMs });
  assert(refreshed);
  assert.deepEqual(await tasks.getTask({ id: task.id }, bearer(refreshed.accessToken)), completed);

  // The watch ends with the session; from then on its tokens are of no use, however long they would be good.
  await auth.logout({ refreshToken: refreshed.refreshToken }, { timeoutMs });
  await refused(change(watch), Code.Unauthenticated, "SESSION_REVOKED");
  for (const old of [tokens, refreshed]) {
    await refused(tasks.listTasks({}, bearer(old.accessToken)), Code.Unauthenticated, "SESSION_REVOKED");
  }
}

const [baseUrl] = process.argv.slice(2);
assert(baseUrl, "the address of the gateway");
await tour(createGrpcWebTransport({ baseUrl, httpVersion: "1.1" }), "margaret@example.com");
console.log("The tour over gRPC-Web is complete.");
await tour(createGrpcTransport({ baseUrl }), "hamilton@example.com");
console.log("The tour over gRPC is complete.");
