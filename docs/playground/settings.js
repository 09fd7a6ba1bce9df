// The settings: what they may be, their names for people, and how the address of the page holds them.
'use strict';

const range = (from, to) => Array.from({length: to - from + 1}, (_, i) => from + i);

// `values` are the stops of the slider, or the choices. `restarts`: a change begins a new run.
const SETTINGS = {
  depth: {label: 'Hidden layers', group: 'network', values: range(1, 20), initial: 3, whole: true, restarts: true},
  width: {label: 'Units in each', group: 'network', values: [5, 10, 20, 30, 50, 75, 100, 150, 200], initial: 100,
          whole: true, restarts: true},
  activation: {label: 'Activation', group: 'network', initial: 'sigmoid', restarts: true,
               choices: {sigmoid: 'sigmoid', tanh: 'tanh', relu: 'ReLU'}},
  scale: {label: 'Scale of the initial weights', group: 'network', initial: 0.1, restarts: true,
          values: [0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10],
          help: 'their standard deviation'},
  position: {label: 'Batch norm stands', group: 'network', initial: 'before', restarts: true,
             choices: {before: 'before the activation', after: 'after it'}},
  lr: {label: 'Learning rate', group: 'training', initial: 0.1,
       values: [-3, -2, -1, 0].flatMap(e => [1, 1.5, 2, 3, 5, 7].map(x => Number((x * 10 ** e).toPrecision(2)))).concat(10)},
  batch: {label: 'Batch size', group: 'training', values: [2, 3, 4, 6, 8, 16, 32, 60, 128, 256, 512], initial: 60, whole: true},
  momentum: {label: 'Momentum of the stored statistics', group: 'norm', values: [0, 0.5, 0.8, 0.9, 0.95, 0.99, 0.999, 1],
             initial: 0.9, help: 'the weight of the old value'},
  eps: {label: 'eps', group: 'norm', values: [0, ...range(-10, 1).map(e => Number(`1e${e}`))], initial: 1e-5,
        help: 'added to the variance'},
  freeze: {label: 'Let the stored statistics go stale', group: 'norm', initial: false, help: 'training no longer updates them'},
  statistics: {label: 'Evaluate with', group: 'evaluation', initial: 'stored',
               choices: {stored: 'stored statistics', batch: 'those of the batch'}},
  group: {label: 'Digits evaluated at a time', group: 'evaluation', values: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000],
          initial: 1000, whole: true},
  layer: {label: 'Hidden layer', initial: 3, values: range(1, 20), whole: true},
  units: {label: 'Inputs of', initial: 'one', choices: {all: 'all units', one: 'one unit'}},
  seed: {label: 'Seed', initial: 1, least: 0, most: 999999, whole: true, restarts: true},
};

const initialSettings = () => Object.fromEntries(Object.entries(SETTINGS).map(([name, {initial}]) => [name, initial]));

// The value that `text` stands for, or undefined where it is none. Numbers between the slider's stops are allowed.
function parsed(name, text) {
  const setting = SETTINGS[name];
  if (setting.choices) return Object.hasOwn(setting.choices, text) ? text : undefined;
  if (typeof setting.initial === 'boolean') return ['0', '1'].includes(text) ? text === '1' : undefined;
  const number = text.trim() === '' ? NaN : Number(text);
  const least = setting.values ? setting.values[0] : setting.least;
  const most = setting.values ? setting.values[setting.values.length - 1] : setting.most;
  return number >= least && number <= most && (!setting.whole || Number.isInteger(number)) ? number : undefined;
}

const toHash = settings => '#' + Object.keys(SETTINGS).map(name =>
  `${name}=${typeof settings[name] === 'boolean' ? Number(settings[name]) : settings[name]}`).join('&');

// `{settings, refused}`: what the hash says, the initial value where it says nothing, and the parts that mean nothing.
function fromHash(hash) {
  const settings = initialSettings(), refused = [];
  for (const part of hash.replace(/^#/, '').split('&').filter(Boolean)) {
    const [name, text = '', ...more] = part.split('=');
    const value = Object.hasOwn(SETTINGS, name) && !more.length ? parsed(name, text) : undefined;
    if (value === undefined) refused.push(part);
    else settings[name] = value;
  }
  settings.layer = Math.min(settings.layer, settings.depth);
  return {settings, refused};
}

// A number as people write it: 0.001, 1e-5, 1,000.
function readable(number) {
  if (number === 0) return '0';
  if (Math.abs(number) < 0.001) return number.toExponential().replace('e', ' × 10^').replace('^-', '⁻').replace('^+', '')
    .replace(/⁻(\d+)/, (_, digits) => '⁻' + [...digits].map(d => '⁰¹²³⁴⁵⁶⁷⁸⁹'[d]).join('')).replace(/^1 × /, '');
  return number.toLocaleString('en', {maximumFractionDigits: 4});
}
