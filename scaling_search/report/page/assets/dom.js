// Elements, scales and ticks: the little that charts need of a chart library.

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element. Attributes: null leaves one out, a function is a listener ("onclick"). Text is never parsed. */
function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** An SVG element, as `h`. */
function s(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

const ruler = document.createElement("canvas").getContext("2d");
const FONT = getComputedStyle(document.body).fontFamily;

/** Width of a text in a chart, in pixels. */
function textWidth(text, size = 12, weight = 400) {
  ruler.font = `${weight} ${size}px ${FONT}`;
  return ruler.measureText(text).width;
}

/** The text, shortened so that it fits. */
function fitted(text, width, size = 12) {
  if (textWidth(text, size) <= width) return text;
  let kept = text;
  while (kept.length > 1 && textWidth(`${kept}…`, size) > width) kept = kept.slice(0, -1);
  return `${kept}…`;
}

/** Multiples of 1, 2 or 5 × 10^k inside [low, high], about `count` of them. */
function niceTicks(low, high, count) {
  if (!(high > low)) return [low];
  const rough = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough * 0.999) ?? 10);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

function scale(domain, range, forward, ticks) {
  const [a, b] = domain.map(forward);
  const place = (value) => range[0] + ((forward(value) - a) / (b - a || 1)) * (range[1] - range[0]);
  return Object.assign(place, { domain, range, ticks });
}

/** Values on a straight axis. */
function linear(domain, range) {
  return scale(domain, range, (value) => value, (count) => niceTicks(domain[0], domain[1], count));
}

/** Positive values on a logarithmic axis; over less than a factor of four its ticks are those of a straight one, in round units. */
function logarithmic(domain, range, unit = 1) {
  const [low, high] = domain;
  const ticks = (count) => {
    if (high / low < 4) return niceTicks(low / unit, high / unit, count).map((value) => value * unit);
    const decades = Math.log10(high / low);
    const factors = decades < 1.5 && count > 3 ? [1, 2, 3, 5] : decades < 3 && count > 3 ? [1, 2, 5] : [1];
    const found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
      for (const factor of factors) found.push(factor * 10 ** power);
    }
    return found.filter((value) => value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9));
  };
  return scale(domain, range, (value) => Math.log(Math.max(value, 1e-300)), ticks);
}

/** Values from 0 on, small ones spread out: for test statistics, of which some are very large. */
function squareRoot(domain, range) {
  const ticks = () => [0, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64].filter((value) => value <= domain[1]);
  return scale(domain, range, (value) => Math.sqrt(Math.max(0, value)), ticks);
}

/** The smallest and the largest of the values that are there, with a margin on both sides. */
function extent(values, margin = 0.06, atLeast = 0) {
  const known = values.filter((value) => value !== null && value !== undefined);
  if (!known.length) return [0, 1];
  let low = known.reduce((a, b) => Math.min(a, b));
  let high = known.reduce((a, b) => Math.max(a, b));
  if (high - low < atLeast) [low, high] = [(low + high - atLeast) / 2, (low + high + atLeast) / 2];
  const more = (high - low || Math.abs(high) || 1) * margin;
  return [low - more, high + more];
}
