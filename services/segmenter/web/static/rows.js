// The list of expressions; each row also says what was found for it.
import { colourOf, css } from "./paint.js";

const list = document.getElementById("expressions");
const template = document.getElementById("row");
const rows = () => [...list.children];
const field = (row) => row.querySelector(".text");

/** `onChange(kind, index)`: "text", "hide", "light" or "enter"; `hidden` is the set of indices not shown. */
export function makeRows(onChange, hidden) {
  function add(text = "") {
    const row = template.content.firstElementChild.cloneNode(true);
    field(row).value = text;
    field(row).addEventListener("input", () => { row.classList.add("stale"); onChange("text", at(row)); });
    field(row).addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.shiftKey) { event.preventDefault(); add(); focusLast(); }
    });
    row.querySelector(".remove").addEventListener("click", () => remove(row));
    row.querySelector(".eye").addEventListener("click", () => toggle(row));
    // not pointerenter: a row that an answer moves under a resting pointer is not pointed at
    for (const kind of ["pointermove", "focusin"]) row.addEventListener(kind, () => onChange("light", at(row)));
    for (const kind of ["pointerleave", "focusout"]) row.addEventListener(kind, () => onChange("light", -1));
    list.append(row);
    number();
    return row;
  }
  function remove(row) {
    const index = at(row);
    if (rows().length === 1) { field(row).value = ""; clear(); } else row.remove();
    number();
    onChange("remove", index);
    field(rows()[Math.min(index, rows().length - 1)]).focus();
  }
  function toggle(row) {
    const index = at(row);
    if (!hidden.delete(index)) hidden.add(index);
    showEye(row, !hidden.has(index));
    onChange("hide", index);
  }
  const at = (row) => rows().indexOf(row);
  function fill(texts) {
    list.replaceChildren();
    texts.forEach((text) => add(text));
  }
  return { add, fill, values, focusLast, say, clear, light, markInvalid };
}

const values = () => rows().map((row) => field(row).value.trim());
const focusLast = () => field(rows().at(-1)).focus();

function number() {
  rows().forEach((row, index) => {
    row.style.setProperty("--tag", css(index));
    row.style.setProperty("--tag-ink", colourOf(index).ink);
    row.querySelector(".tag").textContent = index + 1;
    field(row).setAttribute("aria-label", `Expression ${index + 1}`);
    row.querySelector(".remove").setAttribute("aria-label", `Remove expression ${index + 1}`);
  });
}

function showEye(row, shown) {
  const eye = row.querySelector(".eye");
  eye.textContent = shown ? "Hide" : "Show";
  eye.setAttribute("aria-label", `${eye.textContent} mask ${rows().indexOf(row) + 1}`);
  row.classList.toggle("hid", !shown);
}

/** Writes what was found under the row at `index`. */
function say(index, found) {
  const row = rows()[index];
  const line = row.querySelector(".found");
  row.classList.remove("stale");
  line.hidden = false;
  line.classList.toggle("none", found.no_target);
  row.querySelector(".eye").hidden = found.no_target;
  showEye(row, true);
  if (found.no_target) {
    line.textContent = "No target: nothing in the picture fits.";
    return;
  }
  const [x, y, width, height] = found.box;
  const facts = [`score ${found.score.toFixed(2)}`, `${found.area.toLocaleString("en")} px`, `box ${x}, ${y}, ${width} × ${height}`];
  line.replaceChildren(...facts.map((text, place) => {
    const fact = document.createElement(place ? "span" : "b");
    fact.textContent = text;
    return fact;
  }));
}

function clear() {
  for (const row of rows()) {
    row.querySelector(".found").hidden = true;
    row.querySelector(".eye").hidden = true;
    row.classList.remove("stale", "hid");
  }
}

const light = (index) => rows().forEach((row, at) => row.classList.toggle("lit", at === index));

function markInvalid(index) {
  rows().forEach((row, at) => field(row).setAttribute("aria-invalid", at === index));
  if (index >= 0) field(rows()[index]).focus();
}
