// Whether Holdfast can be reached: told by what becomes of requests. That the browser has no network says little, because
// Holdfast may be on the same machine, so it is only a reason to ask.

const changed = new EventTarget();
let reachable = true;
/** @type {number | undefined} */
let timer;
const PROBE_MS = 3_000;

export const isReachable = () => reachable;

/** @param {(reachable: boolean) => void} listener */
export function onChange(listener) {
  changed.addEventListener("change", () => listener(reachable));
}

/** @param {boolean} now */
function set(now) {
  if (reachable === now) return;
  reachable = now;
  changed.dispatchEvent(new Event("change"));
}

/** A request had no answer. */
export function lost() {
  set(false);
  clearTimeout(timer);
  timer = setTimeout(probe, PROBE_MS);
}

/** A request had an answer. */
export function found() {
  clearTimeout(timer);
  set(true);
}

/** Something came by another way. */
export function heard() {
  if (!reachable) void probe();
}

/** Asks, because something says that it may be away. */
export async function probe() {
  try {
    await fetch("/livez", { cache: "no-store", signal: AbortSignal.timeout(PROBE_MS * 2) });
    found();
    // It may have answered before the network went.
    if (!navigator.onLine) timer = setTimeout(probe, PROBE_MS);
  } catch {
    lost();
  }
}

addEventListener("offline", probe);
addEventListener("online", probe);
