// The playground: what the page knows, and what happens when.
import { askLimits, askState, Problem, segment } from "./api.js";
import { paint, prepare } from "./paint.js";
import { makeRows } from "./rows.js";
import { curlCommand, download, stem } from "./save.js";
import { showOutcome } from "./outcome.js";

const $ = (id) => document.getElementById(id);
const KEY = "synres-api-key";
const ASK_AGAIN_MS = 2000;
const EXAMPLE = ["the small red circle", "the blue square", "the green triangle"];

const hidden = new Set();
let limits = null;
let picture = null; // {file, bitmap}
let answer = null;
let layers = [];
let lit = -1;
let underWay = null;
let asking = 0;

const rows = makeRows((kind, index) => {
  if (kind === "light" && lit === index) return;
  if (kind === "light") { lit = index; rows.light(answer ? index : -1); }
  if (kind === "remove") forgetAnswer();
  if (kind === "text") rows.markInvalid(-1);
  repaint();
}, hidden);

function repaint() {
  if (!picture) return;
  paint($("canvas"), picture.bitmap, layers, { masks: $("show-masks").checked, boxes: $("show-boxes").checked, lit, hidden });
}

function forgetAnswer() {
  underWay?.abort();
  underWay = null;
  busy(false);
  answer = null;
  layers = [];
  lit = -1;
  hidden.clear();
  rows.clear();
  $("outcome").hidden = true;
  $("said").textContent = "";
}

// ---- the picture

async function take(file) {
  complain(null);
  if (limits && file.size > limits.max_image_bytes) {
    return complain(new Problem("REJECTED_ITEM", `The picture has ${mib(file.size)}; this server takes ${mib(limits.max_image_bytes)}.`));
  }
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    return complain(new Problem("REJECTED_ITEM", "This file is no picture that the browser can read."));
  }
  if (limits && bitmap.width * bitmap.height > limits.max_pixels) {
    return complain(new Problem("REJECTED_ITEM", `The picture has ${bitmap.width} × ${bitmap.height} pixels; this server takes ${limits.max_pixels.toLocaleString("en")}.`));
  }
  picture = { file, bitmap };
  forgetAnswer();
  $("empty").hidden = true;
  $("canvas").hidden = $("tools").hidden = false;
  $("canvas").setAttribute("aria-label", `Your picture, ${bitmap.width} by ${bitmap.height} pixels`);
  $("picture-facts").textContent = `${file.name} · ${bitmap.width} × ${bitmap.height} px`;
  repaint();
}

const mib = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

$("file").addEventListener("change", () => { if ($("file").files[0]) take($("file").files[0]); $("file").value = ""; });
document.addEventListener("paste", (event) => {
  const file = [...(event.clipboardData?.files ?? [])].find((each) => each.type.startsWith("image/"));
  if (file) take(file);
});
for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => { event.preventDefault(); $("drop").classList.add("over"); });
}
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) $("drop").classList.remove("over"); });
document.addEventListener("drop", (event) => {
  event.preventDefault();
  $("drop").classList.remove("over");
  if (event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
});
$("example").addEventListener("click", async () => {
  const response = await fetch("static/example.jpg").catch(() => null);
  if (!response?.ok) return gone();
  await take(new File([await response.blob()], "example.jpg", { type: "image/jpeg" }));
  const blank = rows.values().every((text) => !text);
  if (blank) rows.fill(EXAMPLE);
  $("find").focus();
});

// ---- the question

$("add").addEventListener("click", () => {
  if (limits && rows.values().length >= limits.max_expressions) {
    return complain(new Problem("INVALID_INPUT", `This server takes ${limits.max_expressions} expressions for one picture.`));
  }
  rows.add();
  rows.focusLast();
});

$("ask").addEventListener("submit", (event) => { event.preventDefault(); find(); });
$("again").addEventListener("click", find);

function checked() {
  if (!picture) throw new Problem("INVALID_INPUT", "There is no picture yet: choose one, or try the example.");
  const expressions = rows.values();
  const blank = expressions.findIndex((text) => !text);
  const long = expressions.findIndex((text) => limits && [...text].length > limits.max_expression_chars);
  rows.markInvalid(blank >= 0 ? blank : long);
  if (blank >= 0) throw new Problem("INVALID_INPUT", `Expression ${blank + 1} is empty: say what to find, or remove it.`);
  if (long >= 0) throw new Problem("INVALID_INPUT", `Expression ${long + 1} is longer than ${limits.max_expression_chars} characters.`);
  return expressions;
}

async function find() {
  if (underWay) return;
  complain(null);
  let expressions;
  try { expressions = checked(); } catch (problem) { return complain(problem); }
  const mine = underWay = new AbortController();
  busy(true);
  try {
    const found = await segment(picture.file, expressions, sessionStorage.getItem(KEY), mine.signal);
    show(found);
    told("ready");
  } catch (error) {
    if (error.name === "AbortError") return;
    if (!(error instanceof Problem)) throw error;
    error.code === "GONE" ? gone() : complain(error);
  } finally {
    if (underWay === mine) { underWay = null; busy(false); }
  }
}

function busy(is) {
  $("busy").hidden = !is;
  $("find").setAttribute("aria-disabled", is);
  $("find").textContent = is ? "Looking" : "Find";
  if (is) $("said").textContent = "";
}

function show(found) {
  answer = found;
  hidden.clear();
  layers = found.masks.map(prepare);
  found.masks.forEach((mask, index) => rows.say(index, mask));
  const hits = found.masks.filter((mask) => !mask.no_target).length;
  $("said").textContent = hits ? `Found ${hits} of ${found.masks.length}.` : "Nothing in the picture fits.";
  const told = found.masks.map((mask, index) => `${index + 1}: ${mask.expression}, ${mask.no_target ? "no target" : `score ${mask.score.toFixed(2)}`}`);
  $("canvas").setAttribute("aria-label", `Your picture with masks. ${told.join("; ")}`);
  showOutcome(found);
  repaint();
}

// ---- what goes wrong

let countdown = 0;
function complain(problem) {
  clearInterval(countdown);
  $("error").hidden = !problem;
  if (!problem) return;
  $("said").textContent = "";
  $("error-title").textContent = problem.title;
  $("error-code").textContent = problem.code;
  $("error-message").textContent = problem.message;
  $("error-mend").textContent = problem.mend;
  $("again").hidden = !["OVERLOADED", "SERVICE_UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL"].includes(problem.code);
  waitFor(Math.ceil(problem.retryAfterS));
  if (problem.code === "UNAUTHENTICATED") askForKey();
}

function waitFor(seconds) {
  const tell = () => {
    $("again").setAttribute("aria-disabled", seconds > 0);
    $("again").textContent = seconds > 0 ? `Try again in ${seconds} s` : "Try again";
    if (seconds-- <= 0) clearInterval(countdown);
  };
  tell();
  if (seconds >= 0) countdown = setInterval(tell, 1000);
}

function gone() {
  complain(new Problem("GONE", "No connection to the server."));
  told("gone");
}

const TOLD = { ready: "ready", starting: "starting", gone: "no connection" };
function told(state) {
  const was = $("server").dataset.state;
  $("server").dataset.state = state;
  const name = limits ? `${limits.model.name} · ` : "";
  $("server-text").textContent = `${name}${TOLD[state]}`;
  if (state === "ready" && was && was !== "ready" && $("error-code").textContent === "GONE") {
    complain(null);
    $("said").textContent = "The server is back.";
  }
  clearTimeout(asking);
  if (state !== "ready") asking = setTimeout(ask, ASK_AGAIN_MS);
}

async function ask() {
  const state = await askState();
  if (state === "ready" && !limits) limits = await askLimits().catch(() => null);
  if (limits) showLimits();
  told(state);
}
document.addEventListener("visibilitychange", () => { if (!document.hidden) ask(); });

function showLimits() {
  $("file-hint").textContent = `PNG, JPEG, WebP or BMP, up to ${mib(limits.max_image_bytes)}`;
  $("version").textContent = `synres ${limits.version}`;
  showKey();
}

// ---- the API key

function showKey() {
  const has = sessionStorage.getItem(KEY);
  $("key-box").hidden = !has && !limits?.needs_key;
  $("key-state").textContent = has ? "API key set" : "API key";
}

function askForKey() {
  $("key-box").hidden = false;
  $("key-box").open = true;
  $("key").setAttribute("aria-invalid", "true");
  $("key").focus();
}

$("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const key = $("key").value.trim();
  if (!/^[\x21-\x7e]+$/.test(key)) return $("key").setAttribute("aria-invalid", "true");
  sessionStorage.setItem(KEY, key);
  closeKey();
  if ($("error-code").textContent === "UNAUTHENTICATED") find();
});
$("key-forget").addEventListener("click", () => { sessionStorage.removeItem(KEY); closeKey(); });
function closeKey() {
  $("key").value = "";
  $("key").removeAttribute("aria-invalid");
  $("key-box").open = false;
  showKey();
  if (!$("key-box").hidden) $("key-box").querySelector("summary").focus();
}
document.addEventListener("keydown", (event) => { if (event.key === "Escape" && $("key-box").open) closeKey(); });
document.addEventListener("click", (event) => { if (!$("key-box").contains(event.target)) $("key-box").open = false; });

// ---- to take away

const asked = () => answer.masks.map((mask) => mask.expression);
const curl = () => curlCommand(picture.file.name, asked(), limits?.needs_key !== false);
$("save-png").addEventListener("click", () => $("canvas").toBlob((blob) => download(blob, `${stem(picture.file.name)}-masks.png`), "image/png"));
$("save-rle").addEventListener("click", () => {
  download(new Blob([JSON.stringify(answer, null, 2)], { type: "application/json" }), `${stem(picture.file.name)}-masks.json`);
});
$("save-curl").addEventListener("click", () => download(new Blob([curl()], { type: "text/x-shellscript" }), "segment.sh"));
$("copy-curl").addEventListener("click", async () => {
  const copied = await navigator.clipboard?.writeText(curl()).then(() => true, () => false);
  $("said").textContent = copied ? "The curl command is in the clipboard." : "The browser keeps its clipboard closed here: take the file instead.";
});

for (const id of ["show-masks", "show-boxes"]) $(id).addEventListener("change", repaint);
addEventListener("resize", repaint);
rows.add();
showKey();
ask();
