// Accuracy against cost.

const measured = items.filter((item) => has(item.results.validation?.mean));
const ordered = (list) => [...list].sort((a, b) => ORDER[a.standing] - ORDER[b.standing] || a.index - b.index);
const intervalOf = (item) => {
  const { validation_interval: interval, validation } = item.results;
  if (interval) return [interval.low, interval.high];
  return has(validation?.sd) ? [validation.mean - validation.sd, validation.mean + validation.sd] : null;
};
const tick = (value) => percent(value, 2).replace(/\.?0+$/, "");
const LABELLED = 12; // candidates that all have their names beside them, where there is room
const FEW = 120; // candidates whose intervals can be told apart; of more, only those that stand out show theirs

const costs = data.costs.filter((cost) => items.some((item) => item.network.costs[cost.key] > 0));

view({
  id: "accuracy-cost",
  title: "Accuracy against cost",
  missing: () => (!measured.length ? "nothing is trained yet" : costs.length ? null : "no cost is known"),
  says: () => `Validation accuracy, mean over seeds; bars are intervals${LEVEL}. ${
    data.base ? "The dashed line is the base network." : ""}`,
  choices: { cost: { label: "Cost", options: costs.map((cost) => [cost.key, cost.title]) } },
  legend: () => standingLegend(measured),
  draw(width, { cost }) {
    const { title, kind } = costs.find((one) => one.key === cost);
    const shown = ordered(measured.filter((item) => item.network.costs[cost] > 0));
    const chart = new Chart(width, Math.min(430, Math.max(320, width * 0.62)));
    const plain = (item) => shown.length > FEW && !["winner", "base"].includes(item.standing) && pickOf(item.index) < 0;
    const heights = shown.flatMap((item) => [item.results.validation.mean, ...(plain(item) ? [] : intervalOf(item) ?? [])]);
    const [x, write] = costAxis(positive(extent(shown.map((item) => item.network.costs[cost]), 0.06)), [chart.left, chart.right], kind);
    const y = linear(extent(heights, 0.06, 0.002), [chart.bottom, chart.top]);
    chart.yAxis(y, tick, "Validation accuracy (%)");
    chart.xAxis(x, write, title);
    if (data.base && has(data.base.results.validation?.mean)) {
      const level = y(data.base.results.validation.mean);
      chart.add(chart.axes, "line", { class: "reference", x1: chart.left, x2: chart.right, y1: level, y2: level });
    }
    if (data.chance > y.domain[0] && data.chance < y.domain[1]) {
      chart.add(chart.axes, "line", { class: "zero", x1: chart.left, x2: chart.right, y1: y(data.chance), y2: y(data.chance) });
      chart.want("guessing", chart.left, y(data.chance), "plain", 4, true);
    }
    for (const item of shown) {
      const [at, up] = [x(item.network.costs[cost]), y(item.results.validation.mean)];
      const bounds = plain(item) ? null : intervalOf(item);
      if (bounds) chart.whisker(at, y(bounds[0]), at, y(bounds[1]), slug(item.standing));
      chart.candidate(item, at, up);
      if (["winner", "base"].includes(item.standing)) chart.want(labelOf(item), at, up, "", 13);
    }
    for (const item of shown.length > LABELLED ? [] : shown) {
      if (["winner", "base"].includes(item.standing)) continue;
      chart.want(labelOf(item), x(item.network.costs[cost]), y(item.results.validation.mean), "plain", 9);
    }
    return chart;
  },
  rows({ cost }) {
    return { head: ["candidate", "verdict", cost, "validation_accuracy", "low", "high"], body: measured.map((item) =>
      [labelOf(item), item.verdict, item.network.costs[cost], item.results.validation.mean, ...(intervalOf(item) ?? [null, null])]) };
  },
});

/** A domain for a logarithmic axis. */
function positive([low, high]) {
  return [low > 0 ? low : high / 1000, high];
}
