// Learning curves, seeds grouped by candidate.

const curved = items.filter((item) => item.results.curves.length);
const CURVES = { validation_accuracy: "Validation accuracy (%)", train_loss: "Training loss" };

/** Mean over the seeds that have the epoch, as [[epoch, mean]]. */
function meanCurve(item, what) {
  const sums = new Map();
  for (const curve of item.results.curves) {
    curve.epochs.forEach((epoch, at) => {
      if (!has(curve[what][at])) return;
      const [sum, count] = sums.get(epoch) ?? [0, 0];
      sums.set(epoch, [sum + curve[what][at], count + 1]);
    });
  }
  return [...sums].sort((a, b) => a[0] - b[0]).map(([epoch, [sum, count]]) => [epoch, sum / count]);
}

/** The picked ones; where none is, the winner (or the first). */
function inFocus(list) {
  const chosen = picks.map((index) => items[index]).filter((item) => list.includes(item));
  return chosen.length ? chosen : list.filter((item) => item.standing === "winner").concat(list).slice(0, 1);
}

view({
  id: "curves",
  title: "Learning curves",
  missing: () => (curved.length ? null : "no epochs were recorded"),
  says: () => `Thin lines are seeds, thick ones their mean; grey are the other candidates' means.${
    data.every > 1 ? ` One epoch in ${data.every} is shown.` : ""}${picks.length ? "" : " Pick candidates to see theirs."}`,
  choices: { what: { label: "Figure", options: Object.entries(CURVES) } },
  draw(width, { what }) {
    const chart = new Chart(width, Math.min(400, Math.max(300, width * 0.58)));
    const means = new Map(curved.map((item) => [item, meanCurve(item, what)]));
    const shown = inFocus(curved);
    const values = [...means.values()].flatMap((mean) => mean.map(([, value]) => value))
      .concat(shown.flatMap((item) => item.results.curves.flatMap((curve) => curve[what])));
    const last = curved.reduce((a, item) => item.results.curves.reduce((b, curve) => Math.max(b, curve.epochs.at(-1) ?? 1), a), 2);
    const x = linear([1, last], [chart.left, chart.right - 12]);
    const y = linear(extent(values, 0.04), [chart.bottom, chart.top]);
    chart.yAxis(y, what === "train_loss" ? (value) => String(value) : tick, CURVES[what]);
    chart.xAxis(Object.assign((value) => x(value), { ticks: (count) => [1, ...x.ticks(count).filter((value) => value > 1 && Number.isInteger(value))] }), String, "Epoch");
    const path = (pairs) => pairs.filter(([, value]) => has(value)).map(([epoch, value], at) => `${at ? "L" : "M"}${x(epoch).toFixed(1)} ${y(value).toFixed(1)}`).join("");
    chart.add(chart.behind, "path", { class: curved.length > FEW ? "others many" : "others", d: curved.filter((item) => !shown.includes(item)).map((item) => path(means.get(item))).join("") });
    for (const item of shown) {
      const at = Math.max(0, pickOf(item.index));
      for (const curve of item.results.curves) {
        chart.add(chart.lines, "path", { class: `seed pick${at}`, "data-i": item.index, d: path(curve.epochs.map((epoch, i) => [epoch, curve[what][i]])) });
      }
      const mean = means.get(item);
      if (!mean.length) continue;
      chart.add(chart.lines, "path", { class: `mean dash${at} pick${at}`, "data-i": item.index, d: path(mean) });
      const [epoch, value] = mean.at(-1);
      const text = what === "train_loss" ? decimal(value, 4) : `${percent(value)} %`;
      chart.mark(SHAPES[at], x(epoch), y(value), { index: item.index, className: `shape pick${at}`, pick: false,
        rows: [[`Epoch ${epoch}, mean of ${item.results.curves.length} seeds`, text]] });
      chart.want(labelOf(item), x(epoch), y(value), `pick${at}`, 12, true);
    }
    return chart;
  },
  rows: ({ what }) => ({ head: ["candidate", "seed", "epoch", what], body: inFocus(curved).flatMap((item) =>
    item.results.curves.flatMap((curve) => curve.epochs.map((epoch, at) => [labelOf(item), curve.seed, epoch, curve[what][at]]))) }),
});
