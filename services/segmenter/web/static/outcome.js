// What an answer says besides its masks: the times, the model, the request.

const PARTS = [
  ["queue_ms", "waiting", "rgb(124 138 152)"],
  ["preprocess_ms", "decoding", "rgb(86 180 233)"],
  ["model_ms", "model", "rgb(0 114 178)"],
  ["postprocess_ms", "encoding", "rgb(230 159 0)"],
];
const $ = (id) => document.getElementById(id);
const ms = (value) => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;

export function showOutcome({ timings, model, request_id: request }) {
  const total = PARTS.reduce((sum, [name]) => sum + timings[name], 0);
  $("times").replaceChildren(...PARTS.map(([name, , colour]) => bar(timings[name] / (total || 1), colour)));
  $("times-list").replaceChildren(...PARTS.map(([name, label, colour]) => term(label, ms(timings[name]), colour)), term("in all", ms(total)));
  $("model-facts").textContent = `Model ${model.name}, licence ${model.licence}, digest ${model.digest.slice(0, 12)}; request ${request}`;
  $("outcome").hidden = false;
}

function bar(share, colour) {
  const part = document.createElement("span");
  part.style.flexGrow = share;
  part.style.background = colour;
  return part;
}

function term(label, text, colour) {
  const group = document.createElement("div");
  const name = document.createElement("dt");
  const value = document.createElement("dd");
  name.textContent = label;
  value.textContent = text;
  if (colour) name.style.setProperty("--part", colour);
  else name.classList.add("plain");
  group.append(name, value);
  return group;
}
