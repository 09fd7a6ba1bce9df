// Two networks in training, one with batch norm and one without, and what there is to see of them.
//
// Both see the same batches and start from the same weights. This file knows nothing of the page either.
'use strict';

const PERCENTILES = [15, 50, 85];
const MOST_VALUES_LOOKED_AT = 3000;      // of a layer's activation inputs, so that looking is quick
const CLASSES = 10;

// Batches of indices, without repetition until fewer than a batch are left; then all are shuffled again.
class Batches {
  constructor(count, seed) {
    this.uniform = uniforms(seed);
    this.order = Uint32Array.from({length: count}, (_, i) => i);
    this.at = count;
  }

  next(size) {
    if (this.at + size > this.order.length) this.shuffle();
    this.at += size;
    return this.order.subarray(this.at - size, this.at);
  }

  shuffle() {
    for (let i = this.order.length - 1; i > 0; i--) {
      const j = Math.floor(this.uniform() * (i + 1));
      [this.order[i], this.order[j]] = [this.order[j], this.order[i]];
    }
    this.at = 0;
  }
}

class Trainer {
  // digits: {train, held}, each {images: Uint8Array (n * pixels), labels: Uint8Array (n)}; the pixels in [0, 1] are added to it.
  // settings: as in settings.js. Of these lr, batch, momentum, eps, freeze and group may change later (`change`).
  constructor(digits, settings) {
    this.digits = digits;
    this.step = 0;
    this.pixels = digits.train.images.length / digits.train.labels.length;
    const most = Math.min(512, digits.train.labels.length), held = digits.held.labels.length;
    const {depth, width, activation, position} = settings;
    const sizes = [this.pixels, ...new Array(depth).fill(width), CLASSES];
    inOneMemory((arena, product) => {
      this.X = arena.matrix(most, this.pixels);
      this.held = arena.matrix(held, this.pixels);
      this.nets = [true, false].map(batchNorm => new Network(
        arena, product, {sizes, activation, batchNorm, position, most, mostPredicted: held}));
    });
    this.losses = [NaN, NaN];
    this.divergedAt = [null, null];
    this.meanLosses = [[0, 0], [0, 0]];      // sum and number of the losses since they were last asked for
    this.labels = new Uint8Array(most);
    this.batches = new Batches(digits.train.labels.length, 2 * settings.seed + 1);
    for (const net of this.nets) net.draw(2 * settings.seed, settings.scale);
    for (let i = 0; i < held; i++) this.copyImage(digits.held, i, this.held, i);
    this.change(settings);
  }

  change(settings) {
    this.settings = settings;
    for (const net of this.nets)
      Object.assign(net, {momentum: settings.momentum, eps: settings.eps, frozen: settings.freeze});
  }

  copyImage(set, from, matrix, to) {
    set.inUnits = set.inUnits || Float32Array.from(set.images, ink => ink / 255);     // once for all runs
    matrix.values.set(set.inUnits.subarray(from * this.pixels, (from + 1) * this.pixels), to * matrix.stride);
  }

  get finished() {
    return this.divergedAt.every(step => step !== null);
  }

  // One step of SGD for each net that has not diverged. A net whose loss is not finite keeps its parameters.
  advance() {
    const {batch, lr} = this.settings, {train} = this.digits;
    this.batches.next(batch).forEach((example, i) => {
      this.copyImage(train, example, this.X, i);
      this.labels[i] = train.labels[example];
    });
    this.step += 1;
    this.nets.forEach((net, which) => {
      if (this.divergedAt[which] !== null) return;
      this.losses[which] = net.loss(this.X, this.labels, batch);
      this.lastBatch = batch;
      if (!Number.isFinite(this.losses[which])) {
        this.divergedAt[which] = this.step;
        return;
      }
      net.update(lr);
      this.meanLosses[which][0] += this.losses[which];
      this.meanLosses[which][1] += 1;
    });
  }

  // The mean loss of each net's batches since the last call, or null.
  takeMeanLosses() {
    const means = this.meanLosses.map(([sum, count]) => (count ? sum / count : null));
    this.meanLosses = [[0, 0], [0, 0]];
    return means;
  }

  // The classes that the nets see in the held-out digits, and how many are right: with batch norm by stored statistics
  // (null before the first step), with batch norm by those of each group, and without batch norm.
  evaluate() {
    const n = this.digits.held.labels.length, {group} = this.settings;
    return [[0, 'stored'], [0, 'batch'], [1, 'stored']].map(([which, statistics]) => {
      if (this.divergedAt[which] !== null) return null;
      const scores = this.nets[which].predict(this.held, n, statistics, group);
      if (!scores) return null;
      const classes = largestInRows(scores, n);
      return {classes, accuracy: classes.filter((c, i) => c === this.digits.held.labels[i]).length / n};
    });
  }

  // What goes into the activations of a hidden layer, in the batch of the last step: of all units, or of the first.
  activationInputs(which, layer, one = false) {
    const {values, columns, stride} = this.nets[which].layers[layer].input, rows = this.lastBatch || 0;
    const count = one ? rows : rows * columns, every = Math.max(1, Math.ceil(count / MOST_VALUES_LOOKED_AT));
    const out = new Float32Array(Math.ceil(count / every));
    for (let k = 0; k < out.length; k++) {
      const i = k * every;
      out[k] = one ? values[i * stride] : values[Math.floor(i / columns) * stride + (i % columns)];
    }
    return out;
  }

  // By net and hidden layer, the percentiles of all units' inputs and of the first unit's; null for a net that took no part
  // in the last step.
  percentiles() {
    return this.nets.map((net, which) => net.layers.slice(0, -1).map((_, layer) => [false, true].map(one =>
      (this.divergedAt[which] ?? this.step) < this.step ? null : percentilesOf(this.activationInputs(which, layer, one)))));
  }

  // By net and layer: the root mean square of the gradient of the weights, and that of the update over that of the weights.
  sizes() {
    return this.nets.map((net, which) => net.layers.map(({params, grads}) => {
      if (this.divergedAt[which] !== null || !this.step) return {gradient: null, ratio: null};
      const gradient = rootMeanSquare(grads.W);
      return {gradient, ratio: this.settings.lr * gradient / rootMeanSquare(params.W)};
    }));
  }
}

// What came out of a run, for the claims of the experiments: held-out accuracies (null where a net has diverged), and by
// net, with batch norm first: when it diverged, the gradient of each layer's weights, and the distance of the 15th and the
// 85th percentile of what goes into one unit of the last hidden layer; and the normalised values of that layer's batch.
function outcome(trainer) {
  const [stored, batch, without] = trainer.evaluate().map(net => net && net.accuracy);
  const {values, columns, stride} = trainer.nets[0].layers[trainer.settings.depth - 1].xhat;
  return {stored, batch, without, divergedAt: trainer.divergedAt,
          normalized: [...values.subarray(0, trainer.lastBatch * stride)].filter((_, i) => i % stride < columns),
          gradients: trainer.sizes().map(net => net.map(layer => layer.gradient)),
          spreads: trainer.percentiles().map(net => net[net.length - 1][1]).map(three => three && three[2] - three[0])};
}

// As NumPy's percentile: linear between the two nearest values.
function percentilesOf(values) {
  const sorted = values.slice().sort();
  return PERCENTILES.map(p => {
    const place = p / 100 * (sorted.length - 1), below = Math.floor(place);
    const above = Math.min(below + 1, sorted.length - 1);
    return sorted.length ? sorted[below] + (place - below) * (sorted[above] - sorted[below]) : null;
  });
}
