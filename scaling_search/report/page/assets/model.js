// The report's data, how its figures are written, and the columns that the table, the hover card and csv share.

const data = JSON.parse(document.getElementById("data").textContent);
const items = data.base ? [data.base, ...data.candidates] : data.candidates;
items.forEach((item, index) => { item.index = index; });
const indexOf = new Map(items.map((item) => [item.key, item.index]));
const MISSING = "–";
const STANDINGS = { winner: "best mean", "in the set": "may be the best", eliminated: "eliminated",
  "not ranked": "not ranked", base: "base network" };
const LEVEL = data.level === null ? "" : ` at ${+(100 * data.level).toPrecision(4)}\u00a0%`;

const has = (value) => value !== null && value !== undefined;
const decimal = (value, digits) => {
  if (!has(value)) return MISSING;
  const text = value.toFixed(digits);
  return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
};
/** A fraction in per cent, without the sign. */
const percent = (value, digits = 2) => (has(value) ? decimal(100 * value, digits) : MISSING);
const coefficient = (value) => (has(value) ? String(+value.toFixed(4)) : MISSING);

const UNITS = {
  count: [[1e12, " T"], [1e9, " G"], [1e6, " M"], [1e3, " k"], [1, ""]],
  bytes: [[2 ** 40, " TiB"], [2 ** 30, " GiB"], [2 ** 20, " MiB"], [2 ** 10, " KiB"], [1, " B"]],
  seconds: [[86400, " d"], [3600, " h"], [60, " min"], [1, " s"], [1e-3, " ms"], [1e-6, " µs"]],
};
const unitOf = (value, kind) => UNITS[kind].find(([size]) => Math.abs(value) >= size * 0.99995) ?? UNITS[kind].at(-1);
/** A cost as people read it, by its kind. */
function costText(value, kind, digits = 4, unit = unitOf(value, kind)) {
  return has(value) ? `${(value / unit[0]).toLocaleString("en", { maximumSignificantDigits: digits })}${unit[1]}` : MISSING;
}
// Round times, from a second to months.
const TIMES = [1, 2, 5, 10, 20, 30].flatMap((one) => [one, one * 60]).concat([1, 2, 5, 10].map((one) => one * 3600),
  [1, 2, 5, 10, 20, 50, 100].map((one) => one * 86400)).sort((a, b) => a - b);

/** A logarithmic axis of a cost and how its ticks are written: in one unit where it spans little; times in round ones. */
function costAxis(domain, range, kind) {
  const unit = unitOf(domain[1], kind);
  const near = domain[1] / domain[0] < 4;
  const axis = logarithmic(domain, range, unit[0]);
  const times = kind === "seconds" && !near ? TIMES.filter((one) => domain[0] <= one && one <= domain[1]) : [];
  if (times.length > 1) axis.ticks = (count) => times.filter((_, at) => at % Math.ceil(times.length / count) === 0);
  return [axis, (value) => costText(value, kind, 3, near ? unit : undefined)];
}

const tripleText = (triple) => (triple ? `(${triple.map(coefficient).join(", ")})` : null);
/** What a candidate is called in charts: its triple, where it has one. */
const labelOf = (item) => (item.standing === "base" ? "base" : tripleText(item.triple) ?? item.network.name);
const estimateText = (one) => (one ? `${percent(one.mean)} ± ${percent(one.sd)} (${one.seeds})` : null);
const boundsText = (one) => (one ? `[${percent(one.low)}, ${percent(one.high)}]` : null);
const threeText = (one, write) => (one ? [one.depth, one.width, one.resolution].map(write).join(" · ") : null);

/** A column: what people read, what it is sorted by, and its parts in csv. */
function column(id, title, text, sort, parts, shown = false) {
  return { id, title, text, sort, parts, shown, numeric: typeof sort === "function" };
}
const simple = (id, title, get, text, shown) =>
  column(id, title, (item) => (has(get(item)) ? text(get(item)) : null), get, [[id, get]], shown);
const words = (id, title, get, shown) => column(id, title, get, null, [[id, get]], shown);
const estimated = (id, title, get, shown) =>
  column(id, `${title} (%), mean ± sd (n)`, (item) => estimateText(get(item)), (item) => get(item)?.mean, [
    [`${id}_mean`, (item) => get(item)?.mean], [`${id}_sd`, (item) => get(item)?.sd],
    [`${id}_seeds`, (item) => get(item)?.seeds]], shown);
const bounded = (id, title, get) =>
  column(id, title, (item) => boundsText(get(item)), (item) => get(item)?.low,
    [[`${id}_low`, (item) => get(item)?.low], [`${id}_high`, (item) => get(item)?.high]]);
const three = (id, title, get, write) =>
  column(id, title, (item) => threeText(get(item), write), (item) => get(item)?.depth,
    ["depth", "width", "resolution"].map((part) => [`${id}_${part}`, (item) => get(item)?.[part]]));

const TABLE = [
  column("triple", "α, β, γ", (item) => tripleText(item.triple) ?? labelOf(item), (item) => item.triple?.[0],
    ["alpha", "beta", "gamma"].map((name, i) => [name, (item) => item.triple?.[i]]), true),
  words("verdict", "Verdict", (item) => item.verdict, true),
  estimated("validation", "Validation accuracy", (item) => item.results.validation, true),
  column("behind", "Points behind the best",
    (item) => (item.behind ? `${percent(item.behind.value)} ${boundsText(item.behind)}` : null),
    (item) => item.behind?.value ?? item.behind?.low,
    ["value", "low", "high"].map((part) => [`behind_${part}`, (item) => item.behind?.[part]]), true),
  ...data.costs.map((cost, i) =>
    simple(cost.key, cost.title, (item) => item.network.costs[cost.key], (value) => costText(value, cost.kind), i === 0)),
  simple("resolution", "Resolution (px)", (item) => item.network.resolution, String, true),
  words("depths", "Depths", (item) => item.network.depths, true),
  words("widths", "Widths", (item) => item.network.widths),
  bounded("validation_interval", "Validation accuracy (%), interval", (item) => item.results.validation_interval),
  estimated("training", "Training accuracy", (item) => item.results.training),
  estimated("test", "Test accuracy", (item) => item.results.test),
  bounded("test_interval", "Test accuracy (%), interval", (item) => item.results.test_interval),
  three("shares", "Shares (%) of depth · width · resolution", (item) => item.shares, (value) => percent(value, 0)),
  three("factors", "Built × depth · width · resolution", (item) => item.network.factors, (value) => decimal(value, 3)),
  simple("phi", "φ", (item) => item.phi, coefficient),
  simple("triples", "Triples that build it", (item) => item.triples.length || null, String),
  simple("eliminated_in_round", "Eliminated in round", (item) => item.eliminated?.round, String),
  words("evidence", "Evidence", (item) => item.eliminated?.evidence),
  words("name", "Network", (item) => item.network.name),
  words("remark", "Remark", (item) => item.remark),
];
const FILLED = TABLE.filter((one) => items.some((item) => has(one.text(item))));

/** All figures of a candidate, as [name, text] pairs. */
const figuresOf = (item) =>
  FILLED.filter((one) => one.id !== "triple" && has(one.text(item))).map((one) => [one.title, one.text(item)]);

/** One sentence for screen readers. */
function spoken(item) {
  const results = item.results.validation;
  const behind = item.behind ? `, ${percent(item.behind.value)} points behind the best` : "";
  return `${labelOf(item)}, ${item.verdict}${results ? `, ${percent(results.mean)} %` : ""}${behind}`;
}

/** csv as spreadsheets can open it: what they would run as a formula gets an apostrophe (OWASP, "CSV Injection"). */
function csvOf(head, body) {
  const cell = (value) => {
    if (!has(value)) return "";
    if (typeof value === "number") return String(value);
    const text = String(value);
    const safe = /^\s*[=+\-@＝＋－＠]/.test(text) && !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? `'${text}` : text;
    return /[",;\n]|^\s|\s$/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return [head, ...body].map((row) => row.map(cell).join(",")).join("\n") + "\n";
}
