// Accuracy per class.

const classed = items.filter((item) => item.results.per_class.some(has));

view({
  id: "classes",
  title: "Accuracy per class",
  missing: () => (classed.length ? null : "accuracies per class are not known"),
  says: () => `Validation accuracy per class, hardest first. Grey bars reach from the worst to the best candidate.${picks.length ? "" : " Pick candidates to compare them."}`,
  long: () => ["classes", 20, data.classes.length],
  draw(width) {
    const shown = inFocus(classed);
    const order = data.classes.map((name, at) => ({ name, at, index: null, mean: shown[0].results.per_class[at] }))
      .sort((a, b) => (a.mean ?? 2) - (b.mean ?? 2));
    const list = expanded.classes ? order : order.slice(0, 20);
    const { chart, height } = rowChart(width, list, (one) => one.name, { row: 24 });
    const all = list.flatMap(({ at }) => classed.map((item) => item.results.per_class[at]));
    const x = linear(extent(all, 0.03, 0.01), [chart.left + 6, chart.right]);
    chart.xAxis(x, tick, "Accuracy (%)");
    list.forEach(({ name, at }, row) => {
      const y = height(row);
      const [low, high] = extent(classed.map((item) => item.results.per_class[at]), 0);
      chart.add(chart.lines, "path", { class: "range", d: `M${x(low)} ${y}H${x(high)}` });
      shown.forEach((item) => {
        const value = item.results.per_class[at];
        const pick = Math.max(0, pickOf(item.index));
        if (has(value)) chart.mark(SHAPES[pick], x(value), y, { index: item.index, className: `shape pick${pick}`, pick: false,
          rows: [[name, `${percent(value)} %`]] });
      });
    });
    return chart;
  },
  rows: () => ({ head: ["class", ...inFocus(classed).map(labelOf)], body: data.classes.map((name, at) =>
    [name, ...inFocus(classed).map((item) => item.results.per_class[at])]) }),
});
