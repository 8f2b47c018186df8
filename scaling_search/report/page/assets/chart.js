// One chart: axes, marks, labels that do not touch, and what pointer and keyboard do in it.

// Shapes tell what colour tells. First those of the picks, then those of the standings.
const SHAPES = ["M0-5A5 5 0 1 1 0 5A5 5 0 1 1 0-5Z", "M-4.5-4.5H4.5V4.5H-4.5Z", "M0-5.5L5.5 4.5H-5.5Z", "M0-6L6 0L0 6L-6 0Z",
  "M-2-5.5H2V-2H5.5V2H2V5.5H-2V2H-5.5V-2H-2Z"];
const MARKS = { winner: "M0-7L7 0L0 7L-7 0Z", "in the set": "M0-4.5A4.5 4.5 0 1 1 0 4.5A4.5 4.5 0 1 1 0-4.5Z",
  eliminated: "M0-4A4 4 0 1 1 0 4A4 4 0 1 1 0-4Z", "not ranked": "M-4-4L4 4M-4 4L4-4", base: "M-5-5H5V5H-5Z",
  dot: "M0-3.5A3.5 3.5 0 1 1 0 3.5A3.5 3.5 0 1 1 0-3.5Z", square: "M-4-4H4V4H-4Z", triangle: "M0-5L5 4H-5Z", cross: "M-4-4L4 4M-4 4L4-4" };
const ORDER = { "not ranked": 0, eliminated: 1, "in the set": 2, base: 3, winner: 4 };

class Chart {
  constructor(width, height, { top = 30, right = 14, bottom = 44, left = 48 } = {}) {
    Object.assign(this, { width, height, left, right: width - right, top, bottom: height - bottom, targets: [], wanted: [], taken: [] });
    this.svg = s("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "presentation" });
    this.behind = this.layer("behind");
    this.axes = this.layer("axes");
    this.lines = this.layer("lines");
    this.marks = this.layer("marks");
    this.labels = this.layer("labels");
  }

  layer(name) {
    return this.svg.appendChild(s("g", { class: name }));
  }

  add(layer, tag, attributes, ...children) {
    return layer.appendChild(s(tag, attributes, ...children));
  }

  text(x, y, text, attributes = {}, layer = this.axes) {
    const { anchor = "start", size = 12, ...more } = attributes;
    const wide = textWidth(text, size, more.class?.includes("strong") ? 650 : 400);
    const start = anchor === "end" ? x - wide : anchor === "middle" ? x - wide / 2 : x;
    this.taken.push([start - 2, y - size, start + wide + 2, y + 3]);
    return this.add(layer, "text", { x: x.toFixed(1), y: y.toFixed(1), "text-anchor": anchor === "start" ? null : anchor, ...more }, text);
  }

  /** Horizontal rules with their values; the title stands above the axis, so that no text is turned. */
  yAxis(scale, format, title) {
    const count = Math.max(2, Math.floor((this.bottom - this.top) / 44));
    let free = Infinity;
    for (const value of scale.ticks(count)) {
      const y = scale(value);
      if (y > free) continue;
      free = y - 16;
      this.add(this.axes, "line", { class: "rule", x1: this.left, x2: this.right, y1: y, y2: y });
      this.text(this.left - 8, y + 4, format(value), { anchor: "end" });
    }
    this.text(2, 13, fitted(title, this.width - 4), { class: "axis-title" });
  }

  /** Ticks below, as many as find room beside each other. */
  xAxis(scale, format, title) {
    const about = Math.max(2, Math.floor((this.right - this.left) / 70));
    this.add(this.axes, "line", { class: "axis", x1: this.left, x2: this.right, y1: this.bottom, y2: this.bottom });
    let free = 0;
    for (const value of scale.ticks(about)) {
      const x = scale(value);
      const label = format(value);
      const half = textWidth(label) / 2;
      this.add(this.axes, "line", { class: "axis", x1: x, x2: x, y1: this.bottom, y2: this.bottom + 5 });
      const at = Math.min(Math.max(x, half), this.width - half - 1);
      if (at - half < free) continue;
      this.text(at, this.bottom + 19, label, { anchor: "middle" });
      free = at + half + 8;
    }
    if (title) this.text(this.right, this.bottom + 38, fitted(title, this.width - 4), { class: "axis-title", anchor: "end" });
  }

  /** A mark that pointer and keyboard find. `target` has the item's index (or null) and more rows for the card. */
  mark(shape, x, y, { index = null, title = null, rows = [], className = "", pick = true, size = 1 } = {}) {
    const at = index === null || !pick ? -1 : pickOf(index);
    const element = this.add(this.marks, "path", { class: `mark ${className}`, d: MARKS[shape] ?? shape,
      transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})${size === 1 ? "" : ` scale(${size})`}`, "data-i": index });
    const target = { index, title, rows, x, y, element };
    this.targets.push(target);
    if (at >= 0) this.ring(x, y, at, index);
    return target;
  }

  candidate(item, x, y, rows = [], more = {}) {
    return this.mark(item.standing, x, y, { index: item.index, rows, className: slug(item.standing), ...more });
  }

  ring(x, y, at, index) {
    this.add(this.marks, "circle", { class: `ring pick${at}`, cx: x, cy: y, r: 10, "data-i": index });
    this.want(`${at + 1}`, x, y, `strong pick${at}`, 12);
  }

  whisker(x1, y1, x2, y2, className = "") {
    const across = y1 === y2 ? `M${x1} ${y1 - 3}v6M${x2} ${y2 - 3}v6` : `M${x1 - 3} ${y1}h6M${x2 - 3} ${y2}h6`;
    this.add(this.lines, "path", { class: `whisker ${className}`, d: `M${x1} ${y1}L${x2} ${y2}${across}` });
  }

  /** A label beside a point, placed at the end where it touches no other text; left out where there is no room. */
  want(text, x, y, className = "", away = 9, above = false) {
    this.wanted.push({ text, x, y, className, away, above });
  }

  finish() {
    for (const { text, x, y, className, away, above } of this.wanted) {
      const wide = textWidth(text, 12, 650);
      const beside = [[x + away, y + 4], [x - away - wide, y + 4]];
      const over = [[x - wide / 2, y - away], [x + away, y - away], [x - wide + away, y - away], [x - wide / 2, y + away + 9],
        [x + away, y + away + 9], [x - wide + away, y + away + 9]];
      const places = above ? [...over, ...beside] : [...beside, ...over];
      const box = ([left, base]) => [left - 1, base - 11, left + wide + 1, base + 3];
      const fits = places.find((at) => this.free(...box(at)) && !this.marked(...box(at))) ?? places.find((at) => this.free(...box(at)));
      if (fits) this.text(fits[0], fits[1], text, { class: `label halo ${className}` }, this.labels);
    }
    return this;
  }

  free(left, top, right, bottom) {
    return left >= 0 && right <= this.width && top >= 0 && bottom <= this.height
      && !this.taken.some(([a, b, c, d]) => left < c && right > a && top < d && bottom > b);
  }

  marked(left, top, right, bottom) {
    return this.targets.some(({ x, y }) => x > left - 4 && x < right + 4 && y > top - 4 && y < bottom + 4);
  }
}

const slug = (text) => text.replaceAll(" ", "-");

/** Pointer and keyboard for the chart in a holder: hovering tells, a click picks, arrows walk from mark to mark. */
function interactive(holder, chart, name) {
  const { targets } = chart;
  holder.replaceChildren(chart.svg);
  holder.classList.toggle("empty", !targets.length);
  describe(holder, targets, name);
  const show = (target, place) => {
    const item = target.index === null ? null : items[target.index];
    highlight(target.index);
    target.element.classList.add("pointed");
    point(target.title ?? labelOf(item), [...target.rows, ...(item && !target.title ? figuresOf(item) : [])], place);
  };
  const nearest = (event) => {
    const box = chart.svg.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    let [best, least] = [null, 26 ** 2];
    for (const target of targets) {
      // In a chart of rows the whole row answers.
      const away = (target.y - y) ** 2 + ((target.x - x) / (chart.rowwise ? 40 : 1)) ** 2;
      if (away < least) [best, least] = [target, away];
    }
    return best;
  };
  chart.svg.addEventListener("pointermove", (event) => {
    const target = nearest(event);
    chart.svg.classList.toggle("at-mark", target !== null);
    if (target) show(target, { x: event.clientX, y: event.clientY });
    else leave();
  });
  chart.svg.addEventListener("pointerleave", leave);
  chart.svg.addEventListener("click", (event) => {
    const target = nearest(event);
    if (!target) return;
    if (target.index !== null) togglePick(target.index);
    // A finger does not hover: its tap shows the card too.
    show(target, { x: event.clientX, y: event.clientY });
  });
  // The holder outlives its drawings, and so does the place of the keyboard in it.
  holder.onkeydown = (event) => {
    const at = Number(holder.dataset.at ?? -1);
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (step || event.key === "Home" || event.key === "End") {
      const next = step ? (at + step + targets.length) % targets.length : event.key === "Home" ? 0 : targets.length - 1;
      const box = targets[next].element.getBoundingClientRect();
      holder.dataset.at = next;
      holder.setAttribute("aria-activedescendant", targets[next].element.id);
      show(targets[next], { x: box.right, y: box.bottom });
    } else if ((event.key === "Enter" || event.key === " ") && at >= 0 && targets[at]?.index != null) {
      togglePick(targets[at].index);
    } else return;
    event.preventDefault();
  };
  holder.onblur = leave;
}

/** Roles and names for screen readers. */
function describe(holder, targets, name) {
  if (!targets.length) return;
  for (const [attribute, value] of Object.entries({ role: "listbox", tabindex: "0", "aria-multiselectable": "true",
    "aria-label": `${name}. Arrow keys walk through the marks, Enter picks.` })) holder.setAttribute(attribute, value);
  targets.forEach(({ element, index, title, rows }, number) => {
    const more = rows.map(([what, text]) => `, ${what}: ${text}`).join("");
    element.id = `${holder.id}-${number}`;
    element.setAttribute("role", "option");
    element.setAttribute("aria-label", `${title ?? spoken(items[index])}${more}`);
    element.setAttribute("aria-selected", String(index !== null && pickOf(index) >= 0));
  });
}
