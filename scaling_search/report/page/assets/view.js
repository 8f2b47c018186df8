// The frame around each chart: heading, choices, the drawing, and what of it can be taken along as csv and svg.

const views = [];
const STYLED = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-opacity", "opacity", "font-family",
  "font-size", "font-weight", "text-anchor", "paint-order"];

/**
 * Declares a view. `draw(width, options)` returns a Chart; `rows(options)` the figures shown, as {head, body};
 * `missing()` a reason why there is nothing to draw, or null; `choices` are selects by name: {label, options: [[value, text]]}.
 */
function view(definition) {
  views.push(definition);
}

function build(definition) {
  const { id, title, says, wide } = definition;
  const options = Object.fromEntries(Object.entries(definition.choices ?? {}).map(([name, one]) => [name, one.options[0][0]]));
  const holder = h("div", { class: "plot", id: `plot-${id}` });
  const note = h("p", { class: "says" });
  const table = h("div", { class: "scroll" });
  const redraw = () => {
    const width = Math.floor(holder.clientWidth);
    if (width < 50) return;
    interactive(holder, definition.draw(width, options).finish(), title);
    note.replaceChildren(...[says(options)].flat());
    if (details.open) table.replaceChildren(plainTable(definition.rows(options)));
    more.replaceChildren(...allButton(definition, redraw));
  };
  const more = h("span", {});
  const details = h("details", { class: "figures", ontoggle: redraw }, h("summary", {}, "Figures"), table);
  const choices = Object.entries(definition.choices ?? {}).filter(([, one]) => one.options.length > 1).map(([name, one]) =>
    h("label", { class: "choice" }, one.label, h("select", { onchange: (event) => {
      options[name] = event.target.value;
      redraw();
    } }, one.options.map(([value, text]) => h("option", { value }, text)))));
  const save = h("div", { class: "save" },
    h("button", { type: "button", class: "quiet", "data-save": "csv", onclick: () => {
      const { head, body } = definition.rows(options);
      download(`${id}.csv`, csvOf(head, body), "text/csv");
    } }, "csv"),
    h("button", { type: "button", class: "quiet", "data-save": "svg",
      onclick: () => download(`${id}.svg`, standalone(holder.querySelector("svg"), title), "image/svg+xml") }, "svg"));
  const section = h("section", { id, class: wide ? "view wide" : "view", "aria-labelledby": `title-${id}` },
    h("header", {}, h("h2", { id: `title-${id}` }, title), ...choices), note,
    definition.legend ? h("div", { class: "legend" }, definition.legend()) : null, holder, h("footer", {}, details, more, save));
  return { section, redraw };
}

function plainTable({ head, body }) {
  const cell = (value) => (typeof value === "number" ? String(+value.toPrecision(6)) : value ?? MISSING);
  return h("table", {}, h("thead", {}, h("tr", {}, head.map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, body.slice(0, 200).map((row) =>
      h("tr", {}, row.map((value) => h("td", { class: typeof value === "number" ? "number" : null }, cell(value)))))),
    body.length > 200 ? h("caption", {}, `The first 200 of ${body.length} rows; csv has all.`) : null);
}

/** A button that shows all rows of a long chart, or the first ones again; nothing where all are there. */
function allButton({ long }, redraw) {
  if (!long) return [];
  const [name, first, count] = long();
  return count > first ? [moreButton(expanded[name], count, () => {
    expanded[name] = !expanded[name];
    redraw();
  })] : [];
}

const moreButton = (all, count, onclick) =>
  h("button", { type: "button", class: "quiet more", onclick }, all ? "Show fewer" : `Show all ${count}`);

/** An entry of a legend: a mark and its word. */
function legendMark(shape, className, text) {
  return h("span", { class: "legend-entry" }, s("svg", { width: 18, height: 16, viewBox: "-9 -8 18 16", "aria-hidden": "true" },
    s("path", { class: `mark ${className}`, d: MARKS[shape] ?? shape })), text);
}

const standingLegend = (list) => Object.entries(STANDINGS).filter(([standing]) => list.some((item) => item.standing === standing))
  .map(([standing, text]) => legendMark(standing, slug(standing), text));

/** The drawing as a file of its own: every style written out, on the page's paper. */
function standalone(svg, title) {
  const copy = svg.cloneNode(true);
  const from = svg.querySelectorAll("*");
  copy.querySelectorAll("*").forEach((element, number) => {
    const style = getComputedStyle(from[number]);
    for (const name of STYLED) element.setAttribute(name, style.getPropertyValue(name));
    for (const name of ["class", "id", "role", "tabindex", "aria-label", "aria-selected"]) element.removeAttribute(name);
  });
  copy.setAttribute("xmlns", SVG);
  copy.prepend(s("title", {}, `${title}: ${data.title}`),
    s("rect", { width: "100%", height: "100%", fill: getComputedStyle(document.body).backgroundColor }));
  return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(copy)}\n`;
}

function download(name, text, type) {
  const url = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}
