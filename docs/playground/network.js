// A fully connected network with or without batch norm: forward, backward and SGD, in 32-bit floats.
//
// The conventions are those of the package gluon_bn. The variance is the biased one. `momentum` is the weight of the old
// value in the stored statistics, and the first batch is stored as it is. The loss is the mean over the batch. Sums
// over a batch are taken in 64-bit floats. This file knows nothing of the page.
'use strict';

const ACTIVATIONS = {
  // `slope` is the derivative, as a function of the activation's value.
  sigmoid: {of: x => 1 / (1 + Math.exp(-x)), slope: a => a * (1 - a)},
  tanh: {of: Math.tanh, slope: a => 1 - a * a},
  relu: {of: x => (x < 0 ? 0 : x), slope: a => (a > 0 ? 1 : 0)},          // NaN stays NaN
};

// Hands out matrices that lie side by side in one memory, which the product (kernel.js) needs. Rows are padded with zeros
// to a multiple of 4 values. Without a memory it only counts, to know how much memory to ask for.
class Arena {
  constructor(memory = null) {
    this.memory = memory;
    this.used = 0;
  }

  matrix(rows, columns) {
    const stride = 4 * Math.ceil(columns / 4), at = this.used;
    this.used += rows * stride;
    const values = this.memory && new Float32Array(this.memory, 4 * at, rows * stride);
    return {rows, columns, stride, at, values};
  }
}

// Makes what `build(arena, product)` describes, in a memory that is just large enough.
function inOneMemory(build, simd = true) {
  const plan = new Arena();
  build(plan, null);
  const product = makeProduct(4 * plan.used, simd);
  return build(new Arena(product.memory), product);
}

// The same memory, seen as a matrix of fewer columns.
function narrowed(matrix, columns) {
  return {...matrix, columns, stride: 4 * Math.ceil(columns / 4)};
}

// Random numbers in [0, 1) that depend on the seed alone (mulberry32).
function uniforms(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function normals(seed) {                                                   // Box and Muller
  const uniform = uniforms(seed);
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

// Mean and biased variance of each column of rows `from` to `to`; the mean is subtracted before squaring.
function columnStatistics({values, columns, stride}, from, to, mean, variance) {
  mean.fill(0);
  variance.fill(0);
  for (let i = from; i < to; i++)
    for (let j = 0; j < columns; j++) mean[j] += values[i * stride + j];
  for (let j = 0; j < columns; j++) mean[j] /= to - from;
  for (let i = from; i < to; i++)
    for (let j = 0; j < columns; j++) {
      const centered = values[i * stride + j] - mean[j];
      variance[j] += centered * centered;
    }
  for (let j = 0; j < columns; j++) variance[j] /= to - from;
}

// Mean cross entropy of the softmax of `scores` (m, K). Writes the gradient of the loss into `scores`.
function softmaxLoss({values, columns, stride}, labels, m) {
  let loss = 0;
  for (let i = 0; i < m; i++) {
    const row = i * stride;
    let largest = -Infinity, total = 0;
    for (let j = 0; j < columns; j++) largest = Math.max(largest, values[row + j]);   // NaN if one is NaN
    for (let j = 0; j < columns; j++) total += Math.exp(values[row + j] - largest);
    loss += Math.log(total) - (values[row + labels[i]] - largest);
    for (let j = 0; j < columns; j++)
      values[row + j] = (Math.exp(values[row + j] - largest) / total - (j === labels[i] ? 1 : 0)) / m;
  }
  return loss / m;
}

class Network {
  // sizes: [inputs, hidden ..., classes]. activation: 'sigmoid', 'tanh' or 'relu'. position: 'before' or 'after' the
  // activation. most: the largest batch; mostPredicted: the most examples that `predict` takes at once.
  constructor(arena, product, {sizes, activation, batchNorm, position = 'before', momentum = 0.9, eps = 1e-5, most,
                               mostPredicted = 0}) {
    Object.assign(this, {product, sizes, batchNorm, position, momentum, eps, frozen: false});
    this.activation = ACTIVATIONS[activation];
    const last = sizes.length - 2;
    this.layers = sizes.slice(1).map((units, l) => {
      const hidden = l < last, normalized = hidden && batchNorm;
      const layer = {
        params: {W: arena.matrix(sizes[l], units), b: arena.matrix(1, units)},
        grads: {W: arena.matrix(sizes[l], units), b: arena.matrix(1, units)},
        input: arena.matrix(most, units),       // what goes into the activation; of the last layer the scores
        transposed: l > 0 ? arena.matrix(units, sizes[l]) : null,
      };
      if (hidden) layer.activated = arena.matrix(most, units);
      layer.output = layer.activated;
      if (normalized) {
        for (const name of ['gamma', 'beta'])
          for (const kind of ['params', 'grads']) layer[kind][name] = arena.matrix(1, units);
        layer.xhat = arena.matrix(most, units);
        if (position === 'after') layer.output = arena.matrix(most, units);
        Object.assign(layer, {mean: new Float64Array(units), variance: new Float64Array(units),
                              std: new Float64Array(units), stored: null});
      }
      return layer;
    });
    const widest = Math.max(...sizes.slice(1));
    this.deltas = [arena.matrix(most, widest), arena.matrix(most, widest)];
    this.scratch = mostPredicted ? [arena.matrix(mostPredicted, widest), arena.matrix(mostPredicted, widest)] : null;
  }

  // Weights from N(0, scale²); biases and beta 0, gamma 1. The same seed gives the same weights, batch norm or not.
  draw(seed, scale) {
    const normal = normals(seed);
    for (const {params} of this.layers) {
      const {values, rows, columns, stride} = params.W;
      for (let i = 0; i < rows; i++)
        for (let j = 0; j < columns; j++) values[i * stride + j] = scale * normal();
      if (params.gamma) params.gamma.values.fill(1, 0, params.gamma.columns);
    }
  }

  // A training pass over the first m rows of X: returns the loss, keeps the gradients, updates the stored statistics.
  loss(X, labels, m) {
    let h = X;
    for (const layer of this.layers) {
      this.affine(h, layer, layer.input, m);
      if (layer.xhat && this.position === 'before') this.normalize(layer, layer.input, layer.input, m);
      if (layer.activated) this.activate(layer.input, layer.activated, m);
      if (layer.xhat && this.position === 'after') this.normalize(layer, layer.activated, layer.output, m);
      h = layer.output;
    }
    const scores = this.layers[this.layers.length - 1].input, loss = softmaxLoss(scores, labels, m);
    this.backward(X, scores, m);
    return loss;
  }

  affine(h, {params: {W, b}}, out, m) {                                              // (m, inputs) -> (m, units)
    const product = h.columns === this.sizes[0] ? this.product.sparse : this.product.dense;
    product(h.at, h.stride, 1, W.at, W.stride, out.at, out.stride, m, h.columns, out.stride);
    for (let i = 0; i < m; i++)
      for (let j = 0; j < out.columns; j++) out.values[i * out.stride + j] += b.values[j];
  }

  activate(from, to, m) {
    const {of} = this.activation, {values, columns, stride} = from;
    for (let i = 0; i < m; i++)
      for (let j = i * stride, end = j + columns; j < end; j++) to.values[j] = of(values[j]);
  }

  // Algorithm 1 of Ioffe and Szegedy (2015). `to` may be `from`.
  normalize(layer, from, to, m) {
    const {xhat, mean, variance, std, params: {gamma, beta}} = layer, {columns, stride} = from;
    columnStatistics(from, 0, m, mean, variance);
    for (let j = 0; j < columns; j++) std[j] = Math.sqrt(variance[j] + this.eps);
    for (let i = 0; i < m; i++)
      for (let j = 0; j < columns; j++) {
        const normalized = (from.values[i * stride + j] - mean[j]) / std[j];
        xhat.values[i * stride + j] = normalized;
        to.values[i * stride + j] = gamma.values[j] * normalized + beta.values[j];
      }
    this.store(layer);
  }

  store(layer) {
    if (!layer.stored) {
      layer.stored = {mean: layer.mean.slice(), variance: layer.variance.slice()};
    } else if (!this.frozen) {
      for (const name of ['mean', 'variance'])
        for (let j = 0; j < layer[name].length; j++)
          layer.stored[name][j] = this.momentum * layer.stored[name][j] + (1 - this.momentum) * layer[name][j];
    }
  }

  backward(X, scores, m) {
    let delta = scores;
    for (let l = this.layers.length - 1; l >= 0; l--) {
      const layer = this.layers[l], {W} = layer.params, dW = layer.grads.W;
      if (layer.activated) {
        if (layer.xhat && this.position === 'after') this.normalizeBackward(layer, delta, m);
        this.activateBackward(layer.activated, delta, m);
        if (layer.xhat && this.position === 'before') this.normalizeBackward(layer, delta, m);
      }
      const h = l > 0 ? this.layers[l - 1].output : X;
      const product = l > 0 ? this.product.dense : this.product.sparse;
      product(h.at, 1, h.stride, delta.at, delta.stride, dW.at, dW.stride, h.columns, m, dW.stride);  // h^T delta
      columnSums(delta, m, layer.grads.b);
      if (l > 0) {
        const T = layer.transposed, previous = narrowed(this.deltas[l % 2], h.columns);
        transpose(W, T);
        this.product.dense(delta.at, delta.stride, 1, T.at, T.stride, previous.at, previous.stride, m, W.columns, T.stride);
        delta = previous;                                                            // (m, units) -> (m, inputs)
      }
    }
  }

  activateBackward(activated, delta, m) {
    const {slope} = this.activation, {values, columns, stride} = activated;
    for (let i = 0; i < m; i++)
      for (let j = i * stride, end = j + columns; j < end; j++) delta.values[j] *= slope(values[j]);
  }

  // dx = gamma / std * (dout - mean(dout) - xhat * mean(dout * xhat)), in place.
  normalizeBackward({xhat, std, params: {gamma}, grads}, delta, m) {
    const {columns, stride} = xhat, dgamma = new Float64Array(columns), dbeta = new Float64Array(columns);
    for (let i = 0; i < m; i++)
      for (let j = 0; j < columns; j++) {
        const dout = delta.values[i * stride + j];
        dbeta[j] += dout;
        dgamma[j] += dout * xhat.values[i * stride + j];
      }
    for (let i = 0; i < m; i++)
      for (let j = 0; j < columns; j++) {
        const at = i * stride + j;
        delta.values[at] = gamma.values[j] / std[j] *
          (delta.values[at] - dbeta[j] / m - xhat.values[at] * dgamma[j] / m);
      }
    grads.gamma.values.set(dgamma);
    grads.beta.values.set(dbeta);
  }

  update(lr) {
    for (const {params, grads} of this.layers)
      for (const name of Object.keys(params))
        this.product.descend(params[name].at, grads[name].at, params[name].rows * params[name].stride, lr);
  }

  // The scores of n examples; changes nothing that training uses. statistics: 'stored', or 'batch' for those of each
  // `group` examples in turn. Returns a matrix that the next call overwrites, or null where nothing is stored yet.
  predict(X, n, statistics = 'stored', group = n) {
    if (statistics === 'stored' && this.layers.some(({xhat, stored}) => xhat && !stored)) return null;
    let h = X;
    this.layers.forEach((layer, l) => {
      const out = narrowed(this.scratch[l % 2], layer.params.W.columns);
      const normalize = () => { if (layer.xhat) this.normalizeForPrediction(layer, out, n, statistics, group); };
      this.affine(h, layer, out, n);
      if (this.position === 'before') normalize();
      if (layer.activated) this.activate(out, out, n);
      if (this.position === 'after') normalize();
      h = out;
    });
    return h;
  }

  normalizeForPrediction({stored, params: {gamma, beta}}, out, n, statistics, group) {
    const {values, columns, stride} = out, size = statistics === 'stored' ? n : group;
    const batch = {mean: new Float64Array(columns), variance: new Float64Array(columns)};
    for (let from = 0; from < n; from += size) {
      const to = Math.min(from + size, n);
      if (statistics === 'batch') columnStatistics(out, from, to, batch.mean, batch.variance);
      const {mean, variance} = statistics === 'stored' ? stored : batch;
      for (let j = 0; j < columns; j++) {
        const scale = gamma.values[j] / Math.sqrt(variance[j] + this.eps);
        for (let i = from; i < to; i++)
          values[i * stride + j] = (values[i * stride + j] - mean[j]) * scale + beta.values[j];
      }
    }
  }
}

function columnSums({values, columns, stride}, m, out) {
  const sums = new Float64Array(columns);
  for (let i = 0; i < m; i++)
    for (let j = 0; j < columns; j++) sums[j] += values[i * stride + j];
  out.values.set(sums);
}

function transpose(from, to) {
  for (let i = 0; i < from.rows; i++)
    for (let j = 0; j < from.columns; j++) to.values[j * to.stride + i] = from.values[i * from.stride + j];
}

// The place of the largest value of each of the first n rows.
function largestInRows({values, columns, stride}, n) {
  const places = new Uint8Array(n);
  for (let i = 0; i < n; i++)
    for (let j = 1; j < columns; j++)
      if (values[i * stride + j] > values[i * stride + places[i]]) places[i] = j;
  return places;
}

function rootMeanSquare({values, rows, columns}) {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i] * values[i];            // the padding adds zeros
  return Math.sqrt(total / (rows * columns));
}
