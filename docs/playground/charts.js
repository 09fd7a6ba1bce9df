// Plots on canvases, in the colours of the style sheet.
'use strict';

const NETS = [{name: 'with', dash: [], marker: 'circle'}, {name: 'without', dash: [], marker: 'diamond'}];
const SMALL = '11px system-ui, sans-serif';

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim();
}

// The canvas, cleared and scaled to the pixels of this screen: {context, width, height} in CSS pixels.
function cleared(canvas) {
  const width = canvas.clientWidth, height = canvas.clientHeight, ratio = window.devicePixelRatio || 1;
  const [w, h] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const context = canvas.getContext('2d');
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = SMALL;
  context.lineJoin = 'round';
  return {context, width, height};
}

// Round numbers between `low` and `high`, about `count` of them.
function linearTicks(low, high, count) {
  const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find(s => s * power >= rough) * power, ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) ticks.push(Number((i * step).toPrecision(12)));
  return ticks;
}

function logTicks(low, high, count) {
  const first = Math.ceil(Math.log10(low) - 1e-9), last = Math.floor(Math.log10(high) + 1e-9);
  if (last - first < 2) return [1, 2, 5].flatMap(m => range(first - 1, last).map(e => m * 10 ** e))
    .filter(v => v >= low && v <= high).sort((a, b) => a - b);
  const every = Math.ceil((last - first + 1) / count);
  return range(first, last).filter(e => (e - first) % every === 0).map(e => 10 ** e);
}

function tickLabel(value) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 10000)) return superscript(value);
  return value.toLocaleString('en', {maximumFractionDigits: 4});
}

function superscript(value) {
  const [digits, exponent] = value.toExponential(0).split('e');
  const power = [...exponent.replace('+', '')].map(c => (c === '-' ? '⁻' : '⁰¹²³⁴⁵⁶⁷⁸⁹'[c])).join('');
  return digits === '1' ? `10${power}` : `${digits}·10${power}`;
}

// Axes in `box` {left, top, right, bottom} (pixels): returns {x, y}, functions from values to pixels.
// x, y: {low, high, log, ticks, label}
function drawAxes(context, box, x, y) {
  const scale = (axis, from, to) => {
    const f = axis.log ? Math.log10 : v => v, low = f(axis.low), high = f(axis.high);
    return v => from + (f(v) - low) / (high - low || 1) * (to - from);
  };
  const place = {x: scale(x, box.left, box.right), y: scale(y, box.bottom, box.top)};
  const ticksOf = (axis, count) => axis.ticks || (axis.log ? logTicks : linearTicks)(axis.low, axis.high, count);
  context.fillStyle = colour('muted');
  context.lineWidth = 1;
  context.textAlign = 'right';
  context.textBaseline = 'middle';
  for (const value of ticksOf(y, Math.max(2, (box.bottom - box.top) / 34))) {
    const at = Math.round(place.y(value)) + 0.5;
    context.strokeStyle = colour('grid');
    context.beginPath();
    context.moveTo(box.left, at);
    context.lineTo(box.right, at);
    context.stroke();
    context.fillText((y.format || tickLabel)(value), box.left - 6, at);
  }
  context.textAlign = 'center';
  context.textBaseline = 'top';
  for (const value of ticksOf(x, Math.max(2, (box.right - box.left) / 70)))
    context.fillText((x.format || tickLabel)(value), place.x(value), box.bottom + 6);
  if (x.label) {
    context.textAlign = 'right';
    context.fillText(x.label, box.right, box.bottom + 20);
  }
  return place;
}

function drawLine(context, points, {stroke, width = 2, dash = []}) {
  context.strokeStyle = stroke;
  context.lineWidth = width;
  context.setLineDash(dash);
  context.beginPath();
  let down = false;
  for (const [x, y] of points) {
    if (!Number.isFinite(y)) down = false;
    else if (down) context.lineTo(x, y);
    else context.moveTo(x, y), down = true;
  }
  context.stroke();
  context.setLineDash([]);
  if (points.length === 1) {                                    // a single point is no line
    context.fillStyle = stroke;
    context.fillRect(points[0][0] - 2, points[0][1] - 2, 4, 4);
  }
}

// Names at the right ends of lines, moved apart where they would overlap. labels: [{y, text, fill}]
function drawEndLabels(context, labels, x, top, bottom) {
  const sorted = labels.filter(l => Number.isFinite(l.y)).sort((a, b) => a.y - b.y);
  sorted.forEach((label, i) => { label.at = Math.max(label.y, i ? sorted[i - 1].at + 13 : top); });
  for (let i = sorted.length - 1; i >= 0; i--)
    sorted[i].at = Math.min(sorted[i].at, i === sorted.length - 1 ? bottom : sorted[i + 1].at - 13);
  context.textAlign = 'left';
  context.textBaseline = 'middle';
  for (const {text, fill, at} of sorted) {
    context.fillStyle = fill;
    context.fillText(text, x, at);
  }
}

function clipped(context, box, draw) {
  context.save();
  context.beginPath();
  context.rect(box.left, box.top - 1, box.right - box.left + 1, box.bottom - box.top + 2);
  context.clip();
  draw();
  context.restore();
}

// Curves over the steps. curves: [{points: [[step, value]], colour, dash, width, label}];
// y: {low, high, log, format, reference: {value, text}}
function drawCurves(canvas, curves, steps, y) {
  const {context, width, height} = cleared(canvas), box = {left: 44, top: 10, right: width - 74, bottom: height - 36};
  const place = drawAxes(context, box, {low: 0, high: steps, label: 'steps'}, y);
  const inside = value => Math.min(Math.max(value, y.low), y.high);
  if (y.reference) {
    const at = place.y(y.reference.value);
    drawLine(context, [[box.left, at], [box.right, at]], {stroke: colour('muted'), width: 1, dash: [2, 4]});
    context.textAlign = 'right';
    context.textBaseline = y.reference.above ? 'bottom' : 'top';
    context.fillStyle = colour('muted');
    context.fillText(y.reference.text, box.right - 2, at + (y.reference.above ? -2 : 3));
  }
  const labels = [];
  clipped(context, box, () => {
    for (const {points, colour: name, dash, width: lineWidth, label} of curves) {
      const drawn = points.filter(([, v]) => v !== null && !Number.isNaN(v)).map(([x, v]) => [place.x(x), place.y(inside(v))]);
      if (!drawn.length) continue;
      drawLine(context, drawn, {stroke: colour(name), dash, width: lineWidth});
      labels.push({y: drawn[drawn.length - 1][1], text: label, fill: colour(name + '-text')});
    }
  });
  drawEndLabels(context, labels, box.right + 8, box.top, box.bottom);
}

// One net's activation inputs: percentiles over the steps (left), the histogram of the last batch (right).
// history: [[step, [p15, p50, p85]]]; values: numbers; y: {low, high}
function drawInputs(canvas, net, history, values, steps, y) {
  const {context, width, height} = cleared(canvas), fill = colour(net), text = colour(net + '-text');
  const middle = Math.round(width * 0.70);
  const box = {left: 44, top: 10, right: middle - 40, bottom: height - 36};
  const place = drawAxes(context, box, {low: 0, high: steps, label: 'steps',
                                        ticks: linearTicks(0, steps, Math.max(2, width / 160))}, y);
  const drawn = history.map(([step, three]) => [place.x(step), ...three.map(place.y)]);
  const labels = [];
  clipped(context, box, () => {
    if (!drawn.length) return;
    context.globalAlpha = 0.16;
    context.fillStyle = fill;
    context.beginPath();
    drawn.forEach(([x, low], i) => (i ? context.lineTo(x, low) : context.moveTo(x, low)));
    for (let i = drawn.length - 1; i >= 0; i--) context.lineTo(drawn[i][0], drawn[i][3]);
    context.fill();
    context.globalAlpha = 1;
    [[3, '85th'], [2, '50th'], [1, '15th']].forEach(([which, name]) => {
      drawLine(context, drawn.map(p => [p[0], p[which]]), {stroke: fill, width: which === 2 ? 2 : 1});
      labels.push({y: drawn[drawn.length - 1][which], text: name, fill: text});
    });
  });
  drawEndLabels(context, labels, box.right + 6, box.top, box.bottom);
  drawHistogram(context, {left: middle, top: 10, right: width - 6, bottom: height - 36}, values, place.y, y, fill);
}

function drawHistogram(context, box, values, place, y, fill) {
  const bins = 28, counts = new Array(bins).fill(0);
  let outside = 0;
  for (const value of values) {
    const bin = Math.floor((value - y.low) / (y.high - y.low) * bins);
    if (bin >= 0 && bin < bins) counts[bin] += 1; else outside += 1;
  }
  const most = Math.max(...counts, 1), height = (box.bottom - box.top) / bins;
  context.strokeStyle = colour('grid');
  context.lineWidth = 1;
  context.strokeRect(box.left - 0.5, box.top + 0.5, box.right - box.left, box.bottom - box.top);
  context.fillStyle = fill;
  counts.forEach((count, bin) => {
    if (count) context.fillRect(box.left, box.bottom - (bin + 1) * height + 0.5, (box.right - box.left - 4) * count / most, height - 1);
  });
  context.fillStyle = colour('muted');
  context.textAlign = 'center';
  context.textBaseline = 'top';
  const share = values.length && outside / values.length;
  context.fillText('last batch', (box.left + box.right) / 2, box.bottom + 6);
  if (share >= 0.005) context.fillText(`${Math.round(100 * share)} % outside`, (box.left + box.right) / 2, box.bottom + 20);
}

// A value of each layer, for both nets. values: [net][layer], null where there is none.
function drawByLayer(canvas, values) {
  const {context, width, height} = cleared(canvas), box = {left: 50, top: 10, right: width - 74, bottom: height - 36};
  const shown = values.flat().filter(v => v > 0 && Number.isFinite(v)), layers = Math.max(...values.map(v => v.length));
  const low = 10 ** Math.floor(Math.log10(Math.min(...shown, 1e-1))), high = 10 ** Math.ceil(Math.log10(Math.max(...shown, low * 10)) + 1e-9);
  const every = Math.ceil(layers / Math.max(2, (box.right - box.left) / 24));
  const place = drawAxes(context, box, {low: 0.5, high: layers + 0.5, label: 'layer',
    ticks: range(1, layers).filter(l => (l - 1) % every === 0)}, {low, high, log: true});
  const labels = [];
  NETS.forEach(({name, marker}, which) => {
    const points = values[which].map((v, l) => [place.x(l + 1), v > 0 && Number.isFinite(v) ? place.y(v) : NaN]);
    const seen = points.filter(([, y]) => Number.isFinite(y));
    if (!seen.length) return;
    drawLine(context, points, {stroke: colour(name), width: 1.5});
    for (const [x, y] of seen) drawMarker(context, x, y, marker, colour(name));
    labels.push({y: seen[seen.length - 1][1], text: name, fill: colour(name + '-text')});
  });
  drawEndLabels(context, labels, box.right + 8, box.top, box.bottom);
  const zeros = NETS.filter((_, which) => values[which].some(v => v === 0)).map(({name}) => name);
  if (zeros.length) {
    context.fillStyle = colour('muted');
    context.textAlign = 'left';
    context.textBaseline = 'top';
    context.fillText(`${zeros.join(' and ')}: no point where it is 0`, box.left + 4, box.top);
  }
}

function drawMarker(context, x, y, marker, fill) {
  context.fillStyle = fill;
  context.beginPath();
  if (marker === 'circle') context.arc(x, y, 3.5, 0, 2 * Math.PI);
  else [[0, -5], [5, 0], [0, 5], [-5, 0]].forEach(([dx, dy]) => context.lineTo(x + dx, y + dy));
  context.fill();
}

// Digits with what they are and what they were taken for, or `instead` where there are none.
// wrong: [{image: Uint8Array (784), is, taken}]
function drawDigits(canvas, wrong, instead) {
  const {context, width, height} = cleared(canvas), size = 34, gapX = 8, gapY = 20;
  const columns = Math.max(1, Math.floor((width + gapX) / (size + gapX)));
  const rows = Math.max(1, Math.floor((height + 4) / (size + gapY)));
  if (!wrong.length) {
    context.fillStyle = colour('muted');
    context.font = SMALL.replace('11', '13');
    context.textBaseline = 'top';
    context.fillText(instead, 0, 4);
  }
  const buffer = document.createElement('canvas');
  buffer.width = buffer.height = 28;
  const small = buffer.getContext('2d'), pixels = small.createImageData(28, 28);
  wrong.slice(0, columns * rows).forEach(({image, is, taken}, i) => {
    const x = (i % columns) * (size + gapX), y = Math.floor(i / columns) * (size + gapY);
    image.forEach((ink, k) => pixels.data.set([ink, ink, ink, 255], 4 * k));
    small.putImageData(pixels, 0, 0);
    context.imageSmoothingEnabled = true;
    context.drawImage(buffer, x, y, size, size);
    context.fillStyle = colour('text');
    context.textAlign = 'center';
    context.textBaseline = 'top';
    context.fillText(`${is} → ${taken}`, x + size / 2, y + size + 3);
  });
}
