// Training, validation and test accuracy.

const members = data.families.flatMap((family) => family.members.map((member) => ({ ...member, family,
  label: `φ = ${coefficient(member.phi)}, ${family.name}`, index: indexOf.get(family.candidate) ?? null })));
const SPLITS = [["training", "Training", "triangle"], ["validation", "Validation", "dot"], ["test", "Test", "square"]];
const split = [...measured.map((item) => ({ ...item, label: labelOf(item) })), ...members.filter((member) => member.results.validation)]
  .filter((one) => one.results.training || one.results.test);

view({
  id: "splits",
  title: "Training, validation and test accuracy",
  missing: () => (split.length ? null : "only validation accuracy is known"),
  says: () => "A wide gap between training and validation is overfitting. The test split is opened for the family alone, after the search.",
  legend: () => SPLITS.map(([name, text, shape]) => legendMark(shape, `split-${name}`, text)),
  long: () => ["splits", 14, split.length],
  draw(width) {
    const list = expanded.splits ? split : [
      ...split.filter((one) => !one.family).filter((one, at) => at < 14 - Math.min(8, members.length) || pickOf(one.index) >= 0),
      ...split.filter((one) => one.family).slice(0, 10)];
    const { chart, height } = rowChart(width, list, (one) => one.label);
    const means = (one) => SPLITS.map(([name]) => one.results[name]?.mean);
    const x = linear(extent(list.flatMap(means), 0.05), [chart.left + 6, chart.right]);
    chart.xAxis(x, tick, "Accuracy (%)");
    list.forEach((one, at) => {
      const y = height(at);
      if (!one.family) markRow(chart, one, y);
      const known = means(one).filter(has).map(x);
      chart.add(chart.lines, "path", { class: "span", d: `M${Math.min(...known)} ${y}H${Math.max(...known)}` });
      SPLITS.forEach(([name, text, shape]) => {
        const got = one.results[name];
        if (got) chart.mark(shape, x(got.mean), y, { index: one.index, className: `split-${name}`, pick: false,
          title: one.family ? one.label : null, rows: [[`${text} accuracy (%), mean ± sd (n)`, estimateText(got)]] });
      });
    });
    return chart;
  },
  rows: () => ({ head: ["network", ...SPLITS.map(([name]) => `${name}_accuracy`)], body: split.map((one) =>
    [one.label, ...SPLITS.map(([name]) => one.results[name]?.mean)]) }),
});
