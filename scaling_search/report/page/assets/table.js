// The table of all candidates: sorted by any column, columns hidden and shown, taken along as csv.

const table = { sorted: null, down: false, shown: new Set(FILLED.filter((one) => one.shown).map((one) => one.id)), all: false };
const FIRST_ROWS = 50;

function tableSection() {
  const body = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of candidates" });
  const more = h("div", {});
  const columns = () => FILLED.filter((one) => table.shown.has(one.id));
  const redraw = () => {
    const at = body.contains(document.activeElement) ? document.activeElement.closest("tr")?.dataset.i : undefined;
    const rows = sortedItems();
    const first = table.all ? rows : rows.filter((item, at) => at < FIRST_ROWS || pickOf(item.index) >= 0);
    body.replaceChildren(h("table", { class: "candidates" }, h("thead", {}, h("tr", {}, columns().map(headCell))),
      h("tbody", {}, first.map((item) => tableRow(item, columns())))));
    body.querySelector(`tr[data-i="${at}"] button`)?.focus();
    more.replaceChildren(...(rows.length > FIRST_ROWS ? [moreButton(table.all, rows.length, () => {
      table.all = !table.all;
      redraw();
    })] : []));
  };
  const headCell = (one) => {
    const sorted = table.sorted === one.id;
    return h("th", { scope: "col", class: one.numeric && one.id !== "triple" ? "number" : null, "aria-sort": sorted ? (table.down ? "descending" : "ascending") : null },
      h("button", { type: "button", "data-sort": one.id, onclick: () => {
        table.down = sorted ? !table.down : false;
        table.sorted = one.id;
        redraw();
        body.querySelector(`[data-sort="${one.id}"]`).focus();
      } }, one.title, h("span", { class: "arrow", "aria-hidden": "true" }, sorted ? (table.down ? "▼" : "▲") : "")));
  };
  const chooser = h("details", { class: "chooser" }, h("summary", {}, "Columns"), h("div", { class: "menu" }, FILLED.map((one) =>
    h("label", {}, h("input", { type: "checkbox", checked: table.shown.has(one.id), "data-column": one.id, onchange: (event) => {
      if (event.target.checked) table.shown.add(one.id);
      else table.shown.delete(one.id);
      redraw();
    } }), one.title))));
  // A menu closes when something else is clicked, or by Escape.
  document.addEventListener("pointerdown", (event) => { if (!chooser.contains(event.target)) chooser.open = false; });
  chooser.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !chooser.open) return;
    chooser.open = false;
    chooser.querySelector("summary").focus();
    event.stopPropagation();
  });
  const save = h("div", { class: "save" }, h("button", { type: "button", class: "quiet", "data-save": "csv", onclick: () => {
    const parts = columns().flatMap((one) => one.parts);
    download("candidates.csv", csvOf(parts.map(([name]) => name), sortedItems().map((item) => parts.map(([, get]) => get(item)))), "text/csv");
  } }, "csv"));
  const section = h("section", { id: "table", class: "view wide", "aria-labelledby": "title-table" },
    h("header", {}, h("h2", { id: "title-table" }, "All candidates"), chooser),
    h("p", { class: "says" }, "A heading sorts, a row picks. csv has the columns shown, with every figure in parts."), body, h("footer", {}, more, save));
  return { section, redraw };
}

function sortedItems() {
  const by = FILLED.find((one) => one.id === table.sorted);
  if (!by) return items;
  const value = by.sort ?? by.text;
  const way = table.down ? -1 : 1;
  return [...items].sort((a, b) => {
    const [one, other] = [value(a), value(b)];
    // What is missing stands last, whichever way.
    if (!has(one) || !has(other)) return Number(has(other)) - Number(has(one));
    return way * (typeof one === "number" ? one - other : one.localeCompare(other)) || a.index - b.index;
  });
}

function tableRow(item, columns) {
  const at = pickOf(item.index);
  const pick = () => togglePick(item.index);
  const cells = columns.map((one, place) => {
    const text = one.text(item) ?? MISSING;
    if (place) return h("td", { class: one.numeric ? "number" : "words" }, text);
    return h("th", { scope: "row" }, h("button", { type: "button", class: "row-button", "aria-pressed": String(at >= 0),
      onclick: (event) => { event.stopPropagation(); pick(); } }, at >= 0 ? key(at) : null, text));
  });
  return h("tr", { class: [slug(item.standing), at >= 0 ? `picked pick${at}` : ""].join(" "), "data-i": item.index, onclick: pick,
    onpointerenter: () => highlight(item.index), onpointerleave: () => highlight(null) }, cells);
}
