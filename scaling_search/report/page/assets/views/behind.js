// How far each candidate is behind the best.

const compared = data.candidates.filter((item) => item.behind).sort((a, b) =>
  (a.behind.value ?? a.behind.low) - (b.behind.value ?? b.behind.low) || a.index - b.index);

view({
  id: "behind-the-best",
  title: "How far behind the best",
  missing: () => (compared.length ? null : "no candidates were compared"),
  says: () => `Accuracy points that each may lose to the best candidate, with simultaneous intervals${LEVEL}. An interval that reaches 0 may be the best.`,
  legend: () => standingLegend(compared),
  long: () => ["behind", 16, compared.length],
  draw(width) {
    const list = firstRows(compared, "behind", 16);
    const { chart, height } = rowChart(width, list, labelOf);
    const most = list.reduce((a, item) => Math.max(a, item.behind.high, item.behind.value ?? 0), 0.001);
    const x = linear([0, most * 1.04], [chart.left + 8, chart.right]);
    chart.xAxis(x, tick, "Points behind the best");
    chart.add(chart.axes, "line", { class: "zero", x1: x(0), x2: x(0), y1: chart.top, y2: chart.bottom });
    list.forEach((item, at) => {
      const y = height(at);
      markRow(chart, item, y);
      chart.whisker(x(Math.max(0, item.behind.low)), y, x(item.behind.high), y, slug(item.standing));
      chart.candidate(item, x(item.behind.value ?? item.behind.low), y);
    });
    return chart;
  },
  rows: () => ({ head: ["candidate", "verdict", "behind", "low", "high"], body: compared.map((item) =>
    [labelOf(item), item.verdict, item.behind.value, item.behind.low, item.behind.high]) }),
});
