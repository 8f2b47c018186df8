// The map of the doubling: each candidate where its shares of depth, width and resolution put it.

const placed = items.filter((item) => item.shares && item.standing !== "base");
const BANDS = 7;
const CORNER = { depth: [0.5, 0], width: [0, 1], resolution: [1, 1] }; // in the unit box; depth on top

/** Where shares stand, in a triangle whose box is given; shares a little outside of it are drawn outside. */
function ternary({ left, top, side }) {
  const tall = (side * Math.sqrt(3)) / 2;
  return ({ depth, width, resolution }) => ["0", "1"].map((_, axis) => {
    const at = depth * CORNER.depth[axis] + width * CORNER.width[axis] + resolution * CORNER.resolution[axis];
    return axis ? top + at * tall : left + at * side;
  });
}

/** The part of a polygon [[x, y, value]] whose values lie on one side of a level. */
function clip(polygon, level, above) {
  const inside = (point) => (above ? point[2] >= level : point[2] <= level);
  return polygon.flatMap((point, at) => {
    const last = polygon.at(at - 1);
    const cut = inside(point) === inside(last) ? [] : [last.map((from, i) => from + ((level - last[2]) / (point[2] - last[2])) * (point[i] - from))];
    return inside(point) ? [...cut, point] : cut;
  });
}

/** The lattice's small triangles, as triples of point numbers. */
function triangles(steps) {
  const start = Array.from({ length: steps + 1 }, (_, i) => i * (steps + 1) - (i * (i - 1)) / 2);
  const found = [];
  for (let i = 0; i < steps; i++) {
    for (let j = 0; j < steps - i; j++) {
      const [a, b] = [start[i] + j, start[i + 1] + j];
      found.push([a, a + 1, b]);
      if (j < steps - i - 1) found.push([a + 1, b + 1, b]);
    }
  }
  return found;
}

function latticePoints(steps) {
  const points = [];
  for (let i = 0; i <= steps; i++) {
    for (let j = 0; j <= steps - i; j++) points.push({ depth: i / steps, width: j / steps, resolution: (steps - i - j) / steps });
  }
  return points;
}

const pathOf = (polygon) => `M${polygon.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")}Z`;

function drawSurface(chart, place, surface, band) {
  const points = latticePoints(surface.steps).map((shares, at) => [...place(shares), surface.values[at]]);
  const paths = Array.from({ length: BANDS }, () => "");
  for (const corners of triangles(surface.steps)) {
    const polygon = corners.map((at) => points[at]);
    if (polygon.some((point) => !has(point[2]))) continue;
    for (let number = 0; number < BANDS; number++) {
      const upper = number === BANDS - 1 ? polygon : clip(polygon, band.edge(number + 1), false);
      const part = number === 0 ? upper : clip(upper, band.edge(number), true);
      if (part.length > 2) paths[number] += pathOf(part);
    }
  }
  paths.forEach((d, number) => chart.add(chart.behind, "path", { class: `band${number} surface`, d }));
  if (surface.region.length) {
    // Its edge runs half way between the lattice's points that are in it and those that are not.
    const marked = points.map(([x, y], at) => [x, y, surface.region[at] ? 1 : 0]);
    let edge = "";
    for (const corners of triangles(surface.steps)) {
      const cuts = corners.map((at) => marked[at]).flatMap((point, at, all) => {
        const next = all[(at + 1) % 3];
        return point[2] === next[2] ? [] : [[(point[0] + next[0]) / 2, (point[1] + next[1]) / 2]];
      });
      if (cuts.length === 2) edge += `M${cuts.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")}`;
    }
    chart.add(chart.labels, "path", { class: "region", d: edge });
  }
}

/** Seven classes of accuracy, from the lowest to the highest shown. */
function bandsOf(values) {
  const [low, high] = extent(values, 0, 0.001);
  const edge = (number) => low + ((high - low) * number) / BANDS;
  return { edge, low, high, of: (value) => Math.max(0, Math.min(BANDS - 1, Math.floor(((value - low) / (high - low)) * BANDS))) };
}

view({
  id: "doubling",
  title: "The map of the doubling",
  missing: () => (placed.length ? null : "no candidate's shares are known"),
  says: () => ["Where each candidate puts the doubling: at a corner all of it goes to one dimension. Colour is validation accuracy",
    data.surface ? ", behind the marks the fitted surface. " : ". ", data.surface?.says ?? ""].join(""),
  legend: () => [...standingLegend(placed), data.surface?.region.length ? h("span", { class: "legend-entry" },
    s("svg", { width: 24, height: 16, "aria-hidden": "true" }, s("path", { class: "region", d: "M2 8H22" })), `the optimum's region${LEVEL}`) : null],
  draw(width) {
    const side = Math.min(width - 60, 440);
    const tall = (side * Math.sqrt(3)) / 2;
    const chart = new Chart(width, tall + 106, { left: 0, right: 0, top: 24, bottom: 0 });
    const left = (width - side) / 2;
    const place = ternary({ left, top: 26, side });
    const known = (item) => item.standing !== "not ranked" && has(item.results.validation?.mean);
    const values = placed.filter(known).map((item) => item.results.validation.mean);
    const size = placed.length > 150 ? 0.6 : 1;
    const band = bandsOf([...values, ...(values.length ? [] : data.surface?.values ?? [])]);
    if (data.surface) drawSurface(chart, place, data.surface, band);
    drawTriangle(chart, place);
    for (const item of ordered(placed)) {
      const [x, y] = place(item.shares);
      const className = known(item) ? `on-map band${band.of(item.results.validation.mean)}` : "not-ranked";
      chart.candidate(item, x, y, [], { className, size: item.standing === "winner" ? 1 : size });
      if (item.standing === "winner") chart.want(labelOf(item), x, y, "", 13);
    }
    if (data.surface?.optimum) {
      const [x, y] = place(data.surface.optimum);
      chart.mark("M-7 0H7M0-7V7", x, y, { className: "optimum", title: "Optimum of the fitted surface",
        rows: [["Shares of depth · width · resolution (%)", threeText(data.surface.optimum, (value) => percent(value, 0))]] });
    }
    if (values.length) drawScale(chart, band, left, side, tall + 62);
    return chart;
  },
  rows: () => ({ head: ["candidate", "verdict", "depth_share", "width_share", "resolution_share", "validation_accuracy"],
    body: placed.map((item) => [labelOf(item), item.verdict, item.shares.depth, item.shares.width, item.shares.resolution,
      item.results.validation?.mean]) }),
});

function drawTriangle(chart, place) {
  const names = ["depth", "width", "resolution"];
  chart.add(chart.lines, "path", { class: "axis", d: pathOf(names.map((name) => place({ depth: 0, width: 0, resolution: 0, [name]: 1 }))) });
  names.forEach((name, at) => {
    const [next, last] = [names[(at + 1) % 3], names[(at + 2) % 3]];
    for (const value of [0.25, 0.5, 0.75]) {
      const from = place({ [name]: value, [next]: 1 - value, [last]: 0 });
      const to = place({ [name]: value, [next]: 0, [last]: 1 - value });
      chart.add(chart.lines, "line", { class: "rule on-map", x1: from[0], y1: from[1], x2: to[0], y2: to[1] });
    }
    const [x, y] = place({ depth: 0, width: 0, resolution: 0, [name]: 1 });
    chart.text(Math.min(Math.max(x, 30), chart.width - 36), name === "depth" ? y - 8 : y + 18, `all ${name}`, { anchor: "middle", class: "axis-title" });
  });
}

function drawScale(chart, band, left, side, y) {
  const step = side / BANDS;
  for (let number = 0; number < BANDS; number++) {
    chart.add(chart.axes, "rect", { class: `band${number} swatch`, x: left + step * number, y, width: step, height: 9 });
  }
  chart.text(left, y + 24, tick(band.low), {});
  chart.text(left + side / 2, y + 24, "Validation accuracy (%)", { anchor: "middle" });
  chart.text(left + side, y + 24, tick(band.high), { anchor: "end" });
}
