// Calls of the API. The browser sends the session's cookies by itself, and the gateway renews them on the way: no token
// is ever seen here.

import * as connection from "./connection.js";

/** @typedef {import("./task.js").Task} Task */
/** @typedef {import("./task.js").Schemas} Schemas */
/** @typedef {{ field: string, description: string }} FieldError */

/** What the service says went wrong. */
export class ApiError extends Error {
  /** @param {number} status @param {Partial<Schemas["Problem"]>} problem @param {number} retryAfter */
  constructor(status, problem, retryAfter) {
    super(problem.detail ?? `HTTP status ${status}`);
    this.status = status;
    this.reason = problem.reason ?? "UNKNOWN";
    /** @type {FieldError[]} */
    this.fields = (problem.errors ?? []).map(({ field = "", description = "" }) => ({ field, description }));
    this.requestId = problem.requestId ?? "";
    /** Seconds; 0 if it was not said. */
    this.retryAfter = retryAfter;
  }

  /** Whether the same request may succeed later. */
  get isPassing() {
    return [429, 502, 503, 504].includes(this.status);
  }
}

/** Nobody answered, or not in time. */
export class Unreachable extends Error {}

/** A request that was given up on purpose. @param {unknown} error */
export const isAbort = (error) => error instanceof DOMException && error.name === "AbortError";

/** A sentence for the person. @param {unknown} error */
export function explain(error) {
  if (error instanceof Unreachable) return "Holdfast cannot be reached. Check the connection and try again.";
  if (!(error instanceof ApiError)) return "Something went wrong in this page. Reload it and try again.";
  if (error.reason === "RATE_LIMITED") return `Too many tries. Wait ${error.retryAfter || "some"} seconds, then try again.`;
  if (error.isPassing) return "Holdfast is busy just now. Wait a moment and try again.";
  if (error.status >= 500) return `Holdfast failed to do that. Its log knows the request as ${error.requestId}.`;
  // The text of a file is called so on the way.
  return sentence(error.message.replace(/\bdata: /g, ""));
}

/** @param {string} text */
export const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}`.replace(/\.*$/, ".");

/** Who says nothing for so long cannot be reached. */
const LIMIT_SECONDS = 20;
const SESSION_ENDED = /^(SESSION_REVOKED|REFRESH_\w+|TOKEN_\w+)$/;

let running = new AbortController();
/** @type {(reason: string) => void} */
let sessionEnded = () => {};

/** Whom to tell that the session is over. @param {(reason: string) => void} listener */
export function onSessionEnd(listener) {
  sessionEnded = listener;
}

let isPaused = false;

/** Gives up every request that is under way: its answer, and the cookies that come with it, are of another session. */
export function abortAll() {
  running.abort();
  running = new AbortController();
}

/** Lets nothing else happen while a session begins or ends. @template T @param {() => Promise<T>} work @returns {Promise<T>} */
export async function alone(work) {
  abortAll();
  isPaused = true;
  try {
    return await work();
  } finally {
    isPaused = false;
  }
}

/**
 * @typedef {object} Options
 * @property {Record<string, string>} [query]
 * @property {unknown} [body] sent as JSON
 * @property {Blob} [file] sent as it is
 * @property {Record<string, string>} [headers]
 * @property {AbortSignal} [signal]
 * @property {boolean} [isLong] it may take as long as the service lets it
 * @property {boolean} [keepsSession] a 401 is about the password that was sent, or is the caller's to handle
 */

/**
 * One request. Not an answer of success is an `ApiError`, no answer `Unreachable`.
 *
 * @param {string} method
 * @param {string} path
 * @param {Options} [options]
 */
export async function request(method, path, { query, body, file, headers = {}, signal, isLong, keepsSession } = {}) {
  if (isPaused && !keepsSession) throw new DOMException("a session begins or ends", "AbortError");
  const signals = signal ? [running.signal, signal] : [running.signal];
  const given = new AbortController();
  for (const each of signals) {
    if (each.aborted) given.abort();
    else each.addEventListener("abort", () => given.abort(), { signal: given.signal });
  }
  let isLate = false;
  const timer = isLong ? undefined : setTimeout(() => {
    isLate = true;
    given.abort();
  }, (LIMIT_SECONDS + 1) * 1000);
  /** @type {Response} */
  let answer;
  try {
    answer = await fetch(query ? `${path}?${new URLSearchParams(query)}` : path, {
      method,
      headers: { ...(!isLong && { "grpc-timeout": `${LIMIT_SECONDS}S` }), ...(body !== undefined && { "content-type": "application/json" }), ...headers },
      body: file ?? (body === undefined ? null : JSON.stringify(body)),
      signal: given.signal,
      cache: "no-store",
      credentials: "same-origin",
    });
  } catch (error) {
    if (isAbort(error) && !isLate) throw error;
    connection.lost();
    throw new Unreachable();
  } finally {
    clearTimeout(timer);
  }
  connection.found();
  if (answer.ok || answer.status === 304) return answer;
  const isProblem = answer.headers.get("content-type")?.startsWith("application/problem+json");
  const problem = isProblem ? await answer.json().catch(() => ({})) : {};
  const error = new ApiError(answer.status, problem, Number(answer.headers.get("retry-after")) || 0);
  if (answer.status === 401 && !keepsSession && SESSION_ENDED.test(error.reason)) sessionEnded(error.reason);
  throw error;
}

/** The same, of an answer that is JSON. @template T @param {string} method @param {string} path @param {Options} [options] @returns {Promise<T>} */
export async function call(method, path, options) {
  const answer = await request(method, path, options);
  return answer.status === 204 ? /** @type {any} */ (undefined) : answer.json();
}

/** @param {string} id */
const of = (id) => `/v1/tasks/${encodeURIComponent(id)}`;

/** A task, also from the trash. @param {string} id @returns {Promise<Task>} */
export const getTask = (id) => call("GET", of(id));

/**
 * A page of tasks; nothing if it is still what `etag` names.
 *
 * @param {Record<string, string>} query
 * @param {{ signal?: AbortSignal, etag?: string }} [options]
 * @returns {Promise<{ tasks: Task[], nextPageToken: string, etag: string } | undefined>}
 */
export async function listTasks(query, { signal, etag } = {}) {
  const headers = etag ? { "if-none-match": `"${etag}"` } : undefined;
  const answer = await request("GET", "/v1/tasks", { query, ...(headers && { headers }), ...(signal && { signal }) });
  return answer.status === 304 ? undefined : answer.json();
}

/** @param {string} timeZone @returns {Promise<Required<Schemas["holdfast.task.v1.TaskStats"]>>} */
export const getStatistics = (timeZone) => call("GET", "/v1/taskStats", { query: { timeZone } });

/** @param {string} type @param {Blob} file @returns {Promise<Required<Schemas["holdfast.task.v1.ImportTasksResponse"]>>} */
export const importTasks = (type, file) => call("POST", "/v1/tasks:import", { file, isLong: true, headers: { "content-type": type } });

/** @param {string} format @returns {Promise<Blob>} */
export const exportTasks = async (format) => (await request("GET", "/v1/tasks:export", { query: { format }, isLong: true })).blob();

/** @returns {Promise<Blob>} */
export const exportAccount = async () => (await request("GET", "/v1/account:export", { isLong: true })).blob();

/** @returns {Promise<Required<Schemas["holdfast.auth.v1.Session"]>[]>} */
export const listSessions = async () =>
  /** @type {{ sessions: any }} */ (await call("GET", "/v1/sessions")).sessions;

/** @param {string} id @returns {Promise<void>} */
export const endSession = (id) => call("DELETE", `/v1/sessions/${encodeURIComponent(id)}`);
/** @returns {Promise<void>} */
export const endOtherSessions = () => call("POST", "/v1/sessions:revokeOthers");

/** @param {string} currentPassword @param {string} newPassword @returns {Promise<void>} */
export const changePassword = (currentPassword, newPassword) =>
  call("POST", "/v1/account:changePassword", { body: { currentPassword, newPassword } });

/** @param {string} password @returns {Promise<void>} */
export const deleteAccount = (password) => call("POST", "/v1/account:delete", { body: { password } });
