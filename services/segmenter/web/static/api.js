// Calls of the server. Every failure is a Problem: {code, title, message, mend, retryAfterS}.

export class Problem extends Error {
  constructor(code, message, retryAfterS = 0) {
    super(message);
    this.code = code;
    this.retryAfterS = retryAfterS;
    [this.title, this.mend] = MENDS[code] ?? ["That did not work", "Try again; if it stays, the server's log says more."];
  }
}

const MENDS = {
  UNAUTHENTICATED: ["The server wants an API key", "Enter a key that is valid now. Whoever runs this server makes one with the command synres keys new."],
  PERMISSION_DENIED: ["This key may not do that", "Ask whoever runs this server for a key that may."],
  OVERLOADED: ["The server is busy", "It said when to come back."],
  INVALID_INPUT: ["Something in the question is wrong", "Change it as the message says and try again."],
  REJECTED_ITEM: ["The picture cannot be used", "Choose another picture, or save this one anew as PNG or JPEG."],
  DEADLINE_EXCEEDED: ["It took too long", "Try fewer expressions or a smaller picture."],
  SERVICE_UNAVAILABLE: ["The server is going down or coming up", "Try again in a moment."],
  BACKEND_UNAVAILABLE: ["The server has no model to answer with", "Whoever runs it finds the reason in its log."],
  INTERNAL: ["A fault of the server", "Its log holds the reason. Trying again may help."],
  GONE: ["The server does not answer", "This page asks every two seconds and says when it is back. Your picture and expressions stay."],
};

async function reach(path, options) {
  try {
    return await fetch(path, { cache: "no-store", credentials: "omit", redirect: "error", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("GONE", "No connection to the server.");
  }
}

async function refused(response) {
  const told = await response.json().catch(() => ({}));
  const retryAfterS = Number(response.headers.get("Retry-After")) || 0;
  return new Problem(told.code ?? "GONE", told.message ?? `HTTP ${response.status}`, retryAfterS);
}

/** Limits, model and whether a key is needed. */
export async function askLimits() {
  const response = await reach("v1/limits");
  if (!response.ok) throw await refused(response);
  return response.json();
}

/** "ready", "starting" or "gone". */
export async function askState() {
  try {
    const response = await reach("v2/health/ready", { signal: AbortSignal.timeout(5000) });
    return response.ok ? "ready" : "starting";
  } catch {
    return "gone";
  }
}

/** The answer of POST /v1/segment. */
export async function segment(picture, expressions, key, signal) {
  const form = new FormData();
  form.append("image", picture, "picture");
  for (const expression of expressions) form.append("expressions", expression);
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  const response = await reach("v1/segment", { method: "POST", body: form, headers, signal });
  if (!response.ok) throw await refused(response);
  return response.json();
}
