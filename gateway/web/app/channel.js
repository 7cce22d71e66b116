// What the tabs of one browser profile tell each other. Every message names the person whom it is about, so that a tab of
// another person, who signed in later, takes nothing from it.

/** @typedef {import("./task.js").Task} Task */
/** @typedef {{ kind: "signed-out" | "signed-in", user: string }
 *   | { kind: "changes", user: string, tasks: Task[], token: string }
 *   | { kind: "stale", user: string, token: string }
 *   | { kind: "settled", user: string, key: string, ids: string[], tasks: Task[] }} Message */

const channel = new BroadcastChannel("holdfast");

/** @param {Message} message */
export const tell = (message) => channel.postMessage(message);

/** @param {(message: Message) => void} listener */
export const hear = (listener) => channel.addEventListener("message", ({ data }) => listener(data));
