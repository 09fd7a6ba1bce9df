// The page: keeps the settings and the history of the run, talks to the engine, and draws.
'use strict';

const MOST_RECORDS = 1200;                // of a run; beyond that every second of the older ones is dropped
const BETWEEN_DRAWINGS = 50;              // milliseconds
const page = {settings: null, run: 0, running: false, digits: null, engine: null, history: [], last: null, written: null,
              described: 0, waits: false, held: false, drawnDigits: '', asked: 0};
const byId = id => document.getElementById(id);

// The engine in a Worker made of this page's own scripts: from disk a page may start no other. Where that fails it runs
// here, between two frames.
function connectEngine(receive) {
  try {
    if (new URLSearchParams(location.search).has('no-worker')) throw new Error('asked for');
    const source = [...document.querySelectorAll('script[data-engine]')].map(script => script.textContent).join('\n');
    if (!source.trim()) throw new Error('the scripts are in files of their own');
    const address = URL.createObjectURL(new Blob([source, '\nstartInWorker(self);'], {type: 'text/javascript'}));
    const worker = new Worker(address);
    worker.onmessage = event => receive(event.data);
    worker.onerror = event => say(`Training has stopped: ${event.message || 'it could not begin in this browser'}. Load the page again.`);
    return message => worker.postMessage(message);
  } catch {
    const handle = startEngine(message => receive(structuredClone(message)), action => setTimeout(action, 0));
    return message => handle(message);
  }
}

const view = () => ({layer: Math.min(page.settings.layer, page.settings.depth) - 1, one: page.settings.units === 'one'});

// Go, pause, one step or start. Until the engine has answered the last order, its reports do not say whether it is to run.
function order(type, more = {}) {
  page.engine({type, asked: ++page.asked, ...more});
}

// A new run, at step 0. `until`: it pauses by itself after that many steps.
function start({running = page.running, until = null} = {}) {
  page.run += 1;
  page.history = [];
  page.last = null;
  page.running = running;
  order('start', {run: page.run, settings: page.settings, view: view(), running, until});
  show();
}

function receive(message) {
  page.engine({type: 'read'});
  if (message.run !== page.run) return;   // of a run that is over
  page.last = message;
  if (message.asked === page.asked) page.running = message.running;
  for (const record of message.records) {
    const last = page.history[page.history.length - 1];
    if (last && last.step === record.step) record.losses = record.losses.map((loss, i) => loss ?? last.losses[i]), page.history.pop();
    page.history.push(record);
  }
  if (page.history.length > MOST_RECORDS) page.history = page.history.filter((_, i) => i % 2 === 0 || i > MOST_RECORDS / 2);
  redraw();
}

// Takes over settings that a person, the address or an experiment has given.
function apply(changes, {restart = false, ...how} = {}) {
  const changed = Object.keys(changes).filter(name => page.settings[name] !== changes[name]);
  page.settings = {...page.settings, ...changes};
  page.settings.layer = Math.min(page.settings.layer, page.settings.depth);
  writeAddress();
  showControls();
  if (restart || changed.some(name => SETTINGS[name].restarts)) start(how);
  else if (changed.length) {
    page.engine({type: 'view', view: view()});
    page.engine({type: 'change', settings: page.settings});
  }
  show();
}

function writeAddress() {
  page.written = toHash(page.settings);
  try {
    history.replaceState(null, '', page.written);
  } catch { /* some browsers refuse a page that writes too often; the next change is written again */ }
}

// '#experiments' and the like lead to a place in the page and say nothing about settings.
const isPlace = hash => /^#[\w-]+$/.test(hash) && byId(hash.slice(1)) !== null;

function readAddress() {
  const {settings, refused} = fromHash(isPlace(location.hash) ? '' : location.hash);
  const shown = refused.join(', ').replace(/^(.{80}).+$/, '$1…');
  say(refused.length ? `The address says ${shown}, which is no setting of this page or out of its range; the usual value is taken.` : '');
  return settings;
}

function say(text) {
  byId('message').textContent = text;
}

function redraw() {
  if (page.waits) return;
  page.waits = true;
  setTimeout(() => requestAnimationFrame(() => {
    page.waits = false;
    show();
  }), BETWEEN_DRAWINGS);
}

// ---- What is seen -------------------------------------------------------------------------------------------------

function showControls() {
  for (const [name, control] of Object.entries(page.controls))
    control.show(page.settings[name], name === 'layer' ? page.settings.depth : undefined);
  for (const button of document.querySelectorAll('.runs button')) {                // mark the one that is set up
    const {settings} = button, set = {...initialSettings(), ...settings};
    const same = Object.keys(set).every(name => name === 'seed' || !SETTINGS[name].group || set[name] === page.settings[name]);
    if (same) button.setAttribute('aria-current', 'true'); else button.removeAttribute('aria-current');
  }
}

function show() {
  showTransport();
  showScores();
  drawCharts();
  if (!page.running || performance.now() - page.described > 2000) describe();
}

const finished = () => page.last !== null && page.last.divergedAt.every(step => step !== null);

function showTransport() {
  const step = page.last ? page.last.step : 0;
  byId('go').textContent = page.running ? 'Pause' : 'Go';
  byId('go').disabled = byId('step').disabled = finished();
  byId('step-number').textContent = step.toLocaleString('en');
  byId('rate').textContent = page.running && page.last && page.last.rate ? `${Math.round(page.last.rate)} steps a second` : '';
  document.body.classList.toggle('running', page.running);
}

// Of the three evaluations those that the settings ask for: [with batch norm, without].
function chosenEvaluations() {
  if (!page.last || !page.last.evaluation) return [null, null];
  const [stored, batch, without] = page.last.evaluation.nets;
  return [page.settings.statistics === 'stored' ? stored : batch, without];
}

const percent = share => `${(100 * share).toFixed(1)} %`;

function showScores() {
  const evaluations = chosenEvaluations();
  NETS.forEach(({name}, which) => {
    const diverged = page.last && page.last.divergedAt[which], loss = page.last ? page.last.losses[which] : NaN;
    byId(`accuracy-${name}`).textContent = evaluations[which] ? percent(evaluations[which].accuracy) : '–';
    byId(`loss-${name}`).textContent = diverged ? 'not finite' : Number.isFinite(loss) ? readableLoss(loss) : '–';
    byId(`diverged-${name}`).hidden = !diverged;
    byId(`diverged-${name}`).textContent = diverged ? `Diverged at step ${diverged.toLocaleString('en')}: the loss is no longer a finite number.` : '';
  });
}

const readableLoss = loss => (loss >= 1e5 ? superscript(loss) : loss.toFixed(3));

// The end of the axis of steps: a round number with room to grow.
function lastStep() {
  const step = Math.max(page.last ? page.last.step : 0, 10), power = 10 ** Math.floor(Math.log10(step));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map(m => m * power).find(v => v >= step);
}

function drawCharts() {
  const steps = lastStep();
  drawLosses(steps);
  drawAccuracies(steps);
  drawActivationInputs(steps);
  const sizes = page.last ? page.last.sizes : [[], []];
  const blank = new Array(page.settings.depth + 1).fill(null);
  for (const [id, key] of [['gradients', 'gradient'], ['ratios', 'ratio']])
    drawByLayer(byId(id), sizes.map(net => (net.length ? net.map(layer => layer[key]) : blank)));
  drawWrong();
}

function drawLosses(steps) {
  const points = [0, 1].map(which => page.history.map(({step, losses}) => [step, losses[which]]).filter(([, v]) => v !== null));
  const values = points.flat().map(([, v]) => v).filter(v => Number.isFinite(v) && v > 0);
  const high = Math.min(Math.max(4, ...values.map(v => v * 1.1)), 1000), low = Math.max(Math.min(0.5, ...values.map(v => v / 1.2)), 1e-4);
  drawCurves(byId('loss'), NETS.map(({name}, which) => ({points: points[which], colour: name, label: name, width: 2})), steps,
    {low, high, log: true, reference: {value: Math.log(CLASSES), text: 'guessing: log 10 = 2.30', above: true}});
}

function drawAccuracies(steps) {
  const chosen = page.settings.statistics === 'stored' ? 0 : 1;
  const points = which => page.history.filter(r => r.accuracies && r.accuracies[which] !== null).map(r => [r.step, r.accuracies[which]]);
  byId('accuracy-note').textContent = `Of 1,000 digits that they never learn from. Solid: ${['stored statistics', 'statistics of the batch'][chosen]}; dotted: ${['statistics of the batch', 'stored statistics'][chosen]}.`;
  drawCurves(byId('accuracy'), [
    {points: points(1 - chosen), colour: 'with', label: ['with (batch)', 'with (stored)'][chosen], width: 1.5, dash: [2, 3]},
    {points: points(2), colour: 'without', label: 'without', width: 2},
    {points: points(chosen), colour: 'with', label: 'with', width: 2}], steps,
    {low: 0, high: 1, ticks: [0, 0.2, 0.4, 0.6, 0.8, 1], format: v => `${Math.round(100 * v)} %`,
     reference: {value: 0.1, text: 'guessing: about 10 %'}});
}

// The range that shows the percentiles of the run and most of the last batch.
function rangeOf(history, values) {
  const shown = history.flatMap(([, three]) => three).filter(Number.isFinite);
  if (!shown.length) return null;
  const sorted = values.slice().sort(), last = sorted.length - 1;
  const finite = [...shown, ...(values.length ? [sorted[Math.floor(0.01 * last)], sorted[Math.ceil(0.99 * last)]] : [])].filter(Number.isFinite);
  const low = Math.min(...finite), high = Math.max(...finite), room = 0.06 * (high - low) || Math.max(Math.abs(high), 1e-6) * 0.1;
  return {low: low - room, high: high + room};
}

function drawActivationInputs(steps) {
  const {layer, one} = view();
  const histories = [0, 1].map(which => page.history.filter(r => r.percentiles && r.percentiles[which][layer])
    .map(r => [r.step, r.percentiles[which][layer][one ? 1 : 0]]).filter(([, three]) => three && three.every(Number.isFinite)));
  const values = [0, 1].map(which => (page.last ? page.last.inputs[which].filter(Number.isFinite) : new Float32Array(0)));
  const ranges = [0, 1].map(which => rangeOf(histories[which], values[which]));
  const known = ranges.filter(Boolean), spans = known.map(r => r.high - r.low);
  const shared = known.length ? {low: Math.min(...known.map(r => r.low)), high: Math.max(...known.map(r => r.high))} : {low: -1, high: 1};
  const apart = known.length === 2 && (shared.high - shared.low) / Math.min(...spans) > 20;
  byId('scales-note').textContent = apart ? 'The two differ so much that each has a scale of its own.' : 'Both have the same scale.';
  NETS.forEach(({name}, which) => drawInputs(byId(`inputs-${name}`), name, histories[which], values[which], steps,
    (apart && ranges[which]) || shared));
}

function wrongOf(evaluation) {
  const {images, labels} = page.digits.held, wrong = [];
  evaluation.classes.forEach((taken, i) => {
    if (taken !== labels[i]) wrong.push({image: images.subarray(784 * i, 784 * (i + 1)), is: labels[i], taken});
  });
  return wrong;
}

function drawWrong() {
  const canvas = byId('wrong-with');
  const now = [page.run, page.last && page.last.evaluation && page.last.evaluation.step, page.settings.statistics, page.settings.group,
               page.settings.freeze, canvas.clientWidth, canvas.clientHeight, devicePixelRatio, colour('text')].join();
  if (now === page.drawnDigits) return;   // they change seldom, and take long to draw
  page.drawnDigits = now;
  chosenEvaluations().forEach((evaluation, which) => {
    const {name} = NETS[which], wrong = evaluation ? wrongOf(evaluation) : [];
    byId(`wrong-count-${name}`).textContent = evaluation ? `${wrong.length.toLocaleString('en')} of ${evaluation.classes.length.toLocaleString('en')} wrong` : '–';
    drawDigits(byId(`wrong-${name}`), wrong, evaluation ? 'All are right.' : page.last && page.last.divergedAt[which] ?
      'It has diverged.' : 'Nothing is stored before the first step.');
  });
}

// ---- The same in words, for those who do not see the charts -----------------------------------------------------------

function describe() {
  page.described = performance.now();
  const label = (id, text) => byId(id).setAttribute('aria-label', text);
  const step = page.last ? page.last.step : 0, last = page.history[page.history.length - 1];
  const both = (values, format) => NETS.map(({name}, i) => `${name} batch norm ${values[i] === null || !Number.isFinite(values[i]) ? 'none' : format(values[i])}`).join(', ');
  const evaluations = chosenEvaluations().map(e => (e ? e.accuracy : null));
  label('loss', `Loss over the steps. At step ${step}: ${both(last ? last.losses : [null, null], readableLoss)}.`);
  label('accuracy', `Held-out accuracy over the steps. At step ${step}: ${both(evaluations, percent)}.`);
  const {layer, one} = view();
  NETS.forEach(({name}, which) => {
    const three = last && last.percentiles && last.percentiles[which][layer] && last.percentiles[which][layer][one ? 1 : 0];
    label(`inputs-${name}`, `Inputs of the activations of hidden layer ${layer + 1}, ${name} batch norm. ` + (three && three.every(Number.isFinite) ?
      `Percentiles 15, 50 and 85 at step ${step}: ${three.map(v => v.toPrecision(3)).join(', ')}.` :
      page.last && page.last.divergedAt[which] ? 'It has diverged.' : 'No step yet.'));
    const evaluation = chosenEvaluations()[which];
    label(`wrong-${name}`, `The first digits that the network ${name} batch norm gets wrong. ` + (evaluation ? commonMistake(wrongOf(evaluation)) : ''));
  });
  for (const [id, key, what] of [['gradients', 'gradient', 'Gradient'], ['ratios', 'ratio', 'Update over weights']])
    label(id, `${what} by layer. ` + (page.last ? [0, page.settings.depth].map(l => `Layer ${l + 1}: ${both(page.last.sizes.map(net => net[l][key]), v => v.toPrecision(2))}.`).join(' ') : ''));
}

function commonMistake(wrong) {
  const counts = new Map();
  for (const {is, taken} of wrong) counts.set(`${is} taken for ${taken}`, (counts.get(`${is} taken for ${taken}`) || 0) + 1);
  const [most] = [...counts].sort((a, b) => b[1] - a[1]);
  return most ? `Most often: ${most[0]}, ${most[1]} times.` : 'There are none.';
}

// ---- What people do -----------------------------------------------------------------------------------------------

const actions = {
  go() {
    if (finished()) return;
    page.running = !page.running;
    order(page.running ? 'go' : 'pause');
    show();
  },
  step() {
    page.running = false;
    order('step');
  },
  again() { start(); },
  reseed() { apply({seed: page.settings.seed % SETTINGS.seed.most + 1}); },
  async link() {
    try {
      await navigator.clipboard.writeText(location.href.split('#')[0] + toHash(page.settings));
      say('The link is copied. It holds all settings and the seed.');
    } catch {
      say('Copy the address of this page: it holds all settings and the seed.');
    }
  },
  defaults() { apply({...initialSettings(), seed: page.settings.seed}); },
};

function beginExperiment(run) {
  say('');
  apply({...initialSettings(), ...run.settings, seed: page.settings.seed}, {restart: true, running: true, until: run.steps});
  const charts = byId('charts');
  if (charts.getBoundingClientRect().top > innerHeight / 2 || charts.getBoundingClientRect().bottom < innerHeight / 2 || innerWidth < 760)
    charts.scrollIntoView({behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth'});
}

const KEYS = {' ': 'go', s: 'step', r: 'again', n: 'reseed'};

function onKey(event) {
  const action = KEYS[event.key.toLowerCase()];
  const used = event.target.closest && event.target.closest('input, button, summary, a, select');  // they have keys of their own
  if (!action || event.ctrlKey || event.metaKey || event.altKey || (used && event.key === ' ')) return;
  if (used && used.type === 'number') return;
  event.preventDefault();
  // A key that is held down: more steps, each when the one before is done, and nothing else.
  if (event.repeat && (action !== 'step' || !page.last || page.last.asked !== page.asked)) return;
  actions[action]();
}

async function main() {
  page.settings = readAddress();
  page.controls = {};
  for (const [name, {group}] of Object.entries(SETTINGS)) {
    page.controls[name] = makeControl(name, (changed, value) => apply({[changed]: value}));
    const parent = group ? document.querySelector(`fieldset[data-group=${group}]`) :
      name === 'seed' ? document.querySelector('fieldset[data-group=network]') : byId('inputs-controls');
    parent.append(page.controls[name].node);
  }
  makeExperiments(byId('experiments'), beginExperiment);
  page.digits = await readDigits();
  byId('about').textContent = `${page.digits.train.labels.length.toLocaleString('en')} training and ${page.digits.held.labels.length.toLocaleString('en')} held-out digits of MNIST (Y. LeCun, C. Cortes, C. J. C. Burges; CC BY-SA 3.0), 28 × 28 pixels, are in this page. Training is plain SGD on the mean cross entropy of a batch.`;
  page.engine = connectEngine(receive);
  page.engine({type: 'digits', digits: page.digits});
  for (const [id, action] of Object.entries(actions)) byId(id).addEventListener('click', action);
  document.addEventListener('keydown', onKey);
  new ResizeObserver(redraw).observe(document.body);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
  document.addEventListener('visibilitychange', () => {        // nobody sees it: wait
    const held = page.held;
    page.held = document.hidden && page.running;
    if (page.held || (held && !page.running)) actions.go();
  });
  addEventListener('hashchange', () => {
    if (isPlace(location.hash)) writeAddress();
    else if (location.hash !== page.written) apply(readAddress(), {restart: true, running: false});
  });
  byId('settings').addEventListener('submit', event => event.preventDefault());
  writeAddress();
  showControls();
  start({running: false});
  document.body.dataset.ready = '';
}

main().catch(error => {
  say(`This page could not begin: ${error.message}. It needs a browser of 2023 or later.`);
  throw error;
});
