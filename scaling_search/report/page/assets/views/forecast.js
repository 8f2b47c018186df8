// Forecasts against what came.

const forecasts = data.forecasts.filter((one) => one.actual > 0 && (one.forecast.value ?? one.forecast.low) > 0);
const kinds = [...new Set(forecasts.map((one) => one.what))];

view({
  id: "forecast",
  title: "Forecast against actual",
  missing: () => (forecasts.length ? null : "no forecast can be compared yet"),
  says: ({ what }) => {
    const list = forecasts.filter((one) => one.what === what);
    const held = list.filter(({ actual, forecast: { low, high } }) => low <= actual && actual <= high).length;
    return `On the line, what came is what was forecast. ${held} of ${list.length} came within their bounds.`;
  },
  choices: { what: { label: "Forecast", options: kinds.map((kind) => [kind, kind]) } },
  draw(width, { what }) {
    const list = forecasts.filter((one) => one.what === what);
    const { kind } = list[0];
    const chart = new Chart(width, Math.min(430, Math.max(320, width * 0.62)), { left: 66 });
    const expected = ({ forecast }) => forecast.value ?? (forecast.low + forecast.high) / 2;
    const range = positive(extent(list.flatMap((one) => [one.actual, expected(one), one.forecast.low, one.forecast.high]), 0.04));
    const [x, write] = costAxis(range, [chart.left, chart.right], kind);
    const [y] = costAxis(range, [chart.bottom, chart.top], kind);
    chart.yAxis(y, write, `${what}: actual`);
    chart.xAxis(x, write, "Forecast");
    chart.add(chart.axes, "line", { class: "reference", x1: x(range[0]), y1: y(range[0]), x2: x(range[1]), y2: y(range[1]) });
    for (const one of list) {
      const index = indexOf.get(one.candidate) ?? null;
      const up = y(one.actual);
      if (list.length <= FEW) chart.whisker(x(one.forecast.low), up, x(one.forecast.high), up);
      const rows = [[`${what}, forecast`, `${costText(expected(one), kind)} [${costText(one.forecast.low, kind)}, ${costText(one.forecast.high, kind)}]`],
        [`${what}, actual`, costText(one.actual, kind)]];
      chart.mark("dot", x(expected(one)), up, { index, title: index === null ? one.name : null, rows, className: index === null ? "base" : slug(items[index].standing) });
    }
    return chart;
  },
  rows: ({ what }) => ({ head: ["name", "forecast", "low", "high", "actual"], body: forecasts.filter((one) => one.what === what).map((one) =>
    [one.name, one.forecast.value, one.forecast.low, one.forecast.high, one.actual]) }),
});
