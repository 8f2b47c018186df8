// Which candidates are picked and which one the pointer or the keyboard is at: shared by all views.

const MOST = 5;
const picks = [];
const listeners = [];
let pointed = null;

/** The number under which an item is picked (0, 1, …), or -1. */
const pickOf = (index) => picks.indexOf(index);

function onChange(listener) {
  listeners.push(listener);
}

/** Picks an item, or lets it go; beyond five the earliest goes. */
function togglePick(index) {
  const at = picks.indexOf(index);
  if (at >= 0) picks.splice(at, 1);
  else picks.push(index);
  if (picks.length > MOST) picks.shift();
  changed();
}

function clearPicks() {
  picks.length = 0;
  changed();
}

function changed() {
  drawBar();
  listeners.forEach((listener) => listener());
}

const bar = document.getElementById("picks");
const live = h("p", { class: "unseen", "aria-live": "polite" });

function drawBar() {
  const focused = bar.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
  const chips = picks.map((index, at) =>
    h("li", { class: `chip pick${at}` }, key(at), h("span", { class: "chip-text" }, chipText(items[index])),
      h("button", { type: "button", "aria-label": `Remove ${labelOf(items[index])}`, "data-focus": `chip${at}`,
        onclick: () => togglePick(index) }, "×")));
  const choose = h("select", { "aria-label": "Pick a candidate", "data-focus": "select", onchange: (event) => {
    if (event.target.value !== "") togglePick(Number(event.target.value));
  } }, h("option", { value: "" }, "Pick a candidate…"),
    items.filter((item) => pickOf(item.index) < 0).map((item) => h("option", { value: item.index }, chipText(item))));
  const clear = h("button", { type: "button", class: "quiet", disabled: !picks.length, "data-focus": "clear",
    onclick: clearPicks }, "Clear");
  bar.replaceChildren(h("span", { class: "bar-title" }, "Picked"), h("ul", { class: "chips" }, chips), choose, clear, live);
  live.textContent = picks.length ? `Picked: ${picks.map((index) => labelOf(items[index])).join("; ")}` : "Nothing is picked";
  if (focused) (bar.querySelector(`[data-focus="${focused}"]`) ?? choose).focus();
}

function chipText(item) {
  const mean = item.results.validation?.mean;
  return has(mean) ? `${labelOf(item)}  ${percent(mean)} %` : labelOf(item);
}

/** The mark of a pick: colour and shape, with its number. */
function key(at) {
  return s("svg", { class: "key", width: 16, height: 16, viewBox: "-8 -8 16 16", "aria-hidden": "true" },
    s("path", { class: `pick${at} shape`, d: SHAPES[at] }));
}

// The hover card: everything known of what the pointer is at.
const card = document.getElementById("card");

function point(title, rows, at) {
  card.replaceChildren(h("strong", {}, title),
    h("dl", {}, rows.map(([name, text]) => [h("dt", {}, name), h("dd", {}, text)])));
  card.hidden = false;
  const { offsetWidth: wide, offsetHeight: tall } = card;
  const left = at.x + 16 + wide < innerWidth ? at.x + 16 : Math.max(8, at.x - 16 - wide);
  const top = Math.max(8, Math.min(at.y + 16, innerHeight - tall - 8));
  card.style.left = `${left}px`;
  card.style.top = `${top}px`;
}

/** Marks an item in every view; null takes the mark off. */
function highlight(index) {
  if (pointed === index) return;
  document.querySelectorAll(".pointed").forEach((element) => element.classList.remove("pointed"));
  pointed = index;
  if (index === null) return;
  document.querySelectorAll(`[data-i="${index}"]`).forEach((element) => element.classList.add("pointed"));
}

function leave() {
  card.hidden = true;
  highlight(null);
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  if (card.hidden) clearPicks();
  leave();
});
document.addEventListener("scroll", leave, { passive: true });
