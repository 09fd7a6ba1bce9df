// The operator _gluon_bn_block: convolution without bias, batch norm, ReLU and the mean of 2x2, forward and backward.
//
// inputs   X, weight (K, C, R, R), bias (K), gamma (K), beta (K), old mean (K), old variance (K), and, both written,
//          statistics (5, K): batch mean, batch variance, new stored mean, new stored variance, rest of the batch mean
//          with keep=1 also convolved (blocks, K, OH, OW, 32) for the backward pass, which otherwise convolves again:
//          quicker than memory for few channels
// output   (blocks, K, OH/2, OW/2, 32), or with flat=1 (m, K * OH/2 * OW/2)
// X        (m, C, H, W), or the (blocks, C, H, W, 32) of a block before; examples beyond m are zero
//
// The bias shifts the batch's mean and nothing else: batch norm takes it away again, and its gradient is exactly 0.
// Every sum is over the same parts in the same order whatever the number of threads: results are bit-for-bit the same.
#include "convolution.h"
#include "shared_loop.h"

namespace {

enum { X_, WEIGHT, BIAS, GAMMA, BETA, OLD_MEAN, OLD_VAR, STATISTICS, CONVOLVED };

struct Sizes {
  int m, blocks, C, H, W, K, R, OH, OW, PH, PW;
  size_t in, conv, out, weights;  // values of one block of 32 examples; values of all weights
  bool plain_input, flat, keep;
  Sizes(const Attributes& attributes, const std::vector<int64_t>& x, const std::vector<int64_t>& w) {
    plain_input = x.size() == 4;
    flat = number(attributes, "flat") != 0;
    keep = number(attributes, "keep") != 0;
    m = plain_input ? x[0] : static_cast<int>(number(attributes, "m"));
    blocks = (m + EXAMPLES - 1) / EXAMPLES;
    C = x[1]; H = x[2]; W = x[3]; K = w[0]; R = w[2];
    OH = H - R + 1; OW = W - R + 1; PH = OH / 2; PW = OW / 2;
    in = static_cast<size_t>(C) * H * W * EXAMPLES;
    conv = static_cast<size_t>(K) * OH * OW * EXAMPLES;
    out = static_cast<size_t>(K) * PH * PW * EXAMPLES;
    weights = static_cast<size_t>(K) * C * R * R;
  }
  int examples(int block) const { return std::min<int>(EXAMPLES, m - block * EXAMPLES); }
  int pixels() const { return OH * OW; }
};

// The work space of one call: parts of one allocation. MXNet counts its bytes in an int; `fits` has looked before.
class Workspace {
 public:
  Workspace(const OpResource& resource, size_t floats)
      : next_(static_cast<float*>(resource.alloc_cpu(static_cast<int>(floats * sizeof(float))))) {}
  float* part(size_t floats) { float* begin = next_; next_ += floats; return begin; }

 private:
  float* next_;
};
struct ForwardSizes {  // of the work space's parts
  size_t packed, blocked, pooled, convolved, all;
  ForwardSizes(const Sizes& s, bool training, size_t group)
      : packed(s.weights), blocked(s.plain_input ? s.blocks * s.in : 0), pooled(s.flat ? s.blocks * s.out : 0),
        // training, all values until their statistics are known; testing, those that a thread computes together
        convolved(training ? (s.keep ? 0 : s.blocks * s.conv)
                           : static_cast<size_t>(omp_get_max_threads()) * group * s.pixels() * EXAMPLES),
        all(packed + blocked + pooled + convolved) {}
};
struct BackwardSizes {
  size_t packed, blocked, dlanes, dconv, dw, packed_again, convolved, all;
  explicit BackwardSizes(const Sizes& s)
      : packed(s.weights), blocked(s.plain_input ? s.blocks * s.in : 0), dlanes(s.flat ? s.blocks * s.out : 0),
        dconv(s.blocks * s.conv), dw(s.blocks * s.weights), packed_again(s.keep ? 0 : s.weights),
        convolved(s.keep ? 0 : dconv), all(packed + 2 * blocked + dlanes + dconv + dw + packed_again + convolved) {}
};

// Ones for the examples of a block, zeros for the places beyond m.
struct Mask {
  float value[EXAMPLES];
  Mask(const Sizes& s, int block) {
    std::fill_n(value, size_t(EXAMPLES), 0.f);
    std::fill_n(value, s.examples(block), 1.f);
  }
};

// (examples, features) <-> (features, 32), with zeros for the examples that are not there.
void to_lanes(const float* rows, float* lanes, size_t features, int examples) {
  for (size_t f0 = 0; f0 < features; f0 += 16)
    for (size_t f = f0; f < std::min(features, f0 + 16); ++f)
      for (int n = 0; n < EXAMPLES; ++n) lanes[f * EXAMPLES + n] = n < examples ? rows[n * features + f] : 0;
}
void from_lanes(const float* lanes, float* rows, size_t features, int examples) {
  for (int n = 0; n < examples; ++n)
    for (size_t f = 0; f < features; ++f) rows[n * features + f] = lanes[f * EXAMPLES + n];
}

Moments moments_of_channel(const float* x, int pixels, int examples, const Mask& mask) {
  Floats total{};
  for (int p = 0; p < pixels * EXAMPLES; p += LANES) total += load(x + p);
  const double n = static_cast<double>(pixels) * examples;
  const float pivot = sum_of_lanes<float>(total) / n;
  Floats sum{}, squares{};
  for (int p = 0; p < pixels; ++p)
    for (int v = 0; v < EXAMPLES; v += LANES) {
      const Floats d = (load(x + p * EXAMPLES + v) - pivot) * load(mask.value + v);
      sum += d;
      squares += d * d;
    }
  const double rest = sum_of_lanes<float>(sum) / n;
  Moments moments = {n, pivot + rest, not_negative(sum_of_lanes<float>(squares) - n * rest * rest)};
  return moments;
}

void normalize_relu_pool(const float* x, float* out, const Sizes& s, const Affine<float>& a, const Mask& mask) {
  for (int py = 0; py < s.PH; ++py)
    for (int px = 0; px < s.PW; ++px)
      for (int v = 0; v < EXAMPLES; v += LANES) {
        Floats sum{};
        for (int q = 0; q < 4; ++q) {
          const Floats y = (load(x + ((2 * py + q / 2) * s.OW + 2 * px + q % 2) * EXAMPLES + v) - a.mean) * a.scale
                           + a.shift;
          sum += y < 0 ? Floats{} : y;  // NaN is not below 0, and stays
        }
        store(out + (py * s.PW + px) * EXAMPLES + v, 0.25f * sum * load(mask.value + v));
      }
}

// The gradient of pooling and ReLU at one pixel: that of the pooled value, a quarter, where y was not negative (or NaN).
inline Floats pixel_gradient(Floats x, Floats dpooled, const Affine<float>& a) {
  const Floats y = (x - a.mean) * a.scale + a.shift;
  return y < 0 ? Floats{} : 0.25f * dpooled;
}

// Row by row, so that rounding grows with the rows and with the pixels of one, not with all pixels: the terms of dbeta
// cancel, and its error is in every gradient of the weights.
void gradient_sums(const float* x, const float* dout, const Sizes& s, const Affine<float>& a, double* dbeta, double* dgamma) {
  Floats sum{}, product{};
  for (int py = 0; py < s.PH; ++py) {
    Floats row_sum{}, row_product{};
    for (int px = 0; px < s.PW; ++px)
      for (int v = 0; v < EXAMPLES; v += LANES) {
        const Floats d = load(dout + (py * s.PW + px) * EXAMPLES + v);
        for (int q = 0; q < 4; ++q) {
          const Floats c = load(x + ((2 * py + q / 2) * s.OW + 2 * px + q % 2) * EXAMPLES + v);
          const Floats g = pixel_gradient(c, d, a);
          row_sum += g;
          row_product += g * ((c - a.mean) * a.rstd + a.rest);
        }
      }
    sum += row_sum;
    product += row_product;
  }
  *dbeta = sum_of_lanes<float>(sum);
  *dgamma = sum_of_lanes<float>(product);
}

void conv_gradient(const float* x, const float* dout, float* dx, const Sizes& s, const Affine<float>& a, float mean_g,
                   float mean_gx, const Mask& mask) {
  for (int y = 0; y < s.OH; ++y)
    for (int col = 0; col < s.OW; ++col) {
      const int p = (y * s.OW + col) * EXAMPLES;
      const bool pooled = y / 2 < s.PH && col / 2 < s.PW;
      const float* d = dout + ((y / 2) * s.PW + col / 2) * EXAMPLES;
      for (int v = 0; v < EXAMPLES; v += LANES) {
        const Floats c = load(x + p + v), x_hat = (c - a.mean) * a.rstd + a.rest;
        const Floats g = pooled ? pixel_gradient(c, load(d + v), a) : Floats{};
        store(dx + p + v, batch_norm_gradient(g, x_hat, a.scale, mean_g, mean_gx) * load(mask.value + v));
      }
    }
}

template <int R>
void convolve(const float* X, const float* w, float* Y, int together, const Sizes& s) {
  if (together == GROUP) convolve_group<R, GROUP>(X, w, Y, s.C, s.H, s.W);
  else convolve_group<R, 1>(X, w, Y, s.C, s.H, s.W);
}
template <int R>
void input_gradient(const float* dY, const float* w, float* dX, int together, const Sizes& s, int y0, int y1) {
  if (together == GROUP) input_gradient_group<R, GROUP>(dY, w, dX, s.K, s.H, s.W, y0, y1);
  else input_gradient_group<R, 1>(dY, w, dX, s.K, s.H, s.W, y0, y1);
}
template <int R>
void weight_gradient(const float* X, const float* dY, float* dw, int together, const Sizes& s) {
  if (together == WEIGHT_GROUP) weight_gradient_group<R, WEIGHT_GROUP>(X, dY, dw, s.C, s.H, s.W);
  else weight_gradient_group<R, 1>(X, dY, dw, s.C, s.H, s.W);
}

template <int R>
MXReturnValue forward(const Attributes& attributes, Tensors& in, Tensors& out, const OpResource& resource) {
  const Sizes s(attributes, in[X_].shape, in[WEIGHT].shape);
  const double eps = number(attributes, "eps"), momentum = number(attributes, "momentum");
  const bool training = number(attributes, "training") != 0, first = number(attributes, "first") != 0;
  const size_t group = channels_together(s.K, GROUP), groups = s.K / group, taps = s.weights / s.K, blocks = s.blocks;
  const ForwardSizes sizes(s, training, group);
  Workspace work(resource, sizes.all);
  float *packed = work.part(sizes.packed), *blocked = work.part(sizes.blocked), *flat = work.part(sizes.pooled);
  float *own = work.part(sizes.convolved), *convolved = s.keep ? in[CONVOLVED].data<float>() : own;
  float* pooled = s.flat ? flat : out[0].data<float>();
  const float *x = in[X_].data<float>(), *X = s.plain_input ? blocked : x, *weights = in[WEIGHT].data<float>();
  const float *bias = in[BIAS].data<float>(), *gamma = in[GAMMA].data<float>(), *beta = in[BETA].data<float>();
  const float *old_mean = first ? nullptr : in[OLD_MEAN].data<float>();
  const float *old_var = first ? nullptr : in[OLD_VAR].data<float>();
  float* statistics = in[STATISTICS].data<float>();
  const size_t channel = s.pixels() * EXAMPLES, pooled_channel = s.out / s.K, features = s.out / EXAMPLES;
  std::vector<Moments> parts(training ? blocks * s.K : 0);
  std::vector<Affine<float> > affine(s.K, Affine<float>(0, 1, 0, 0, 0));

  const auto pooled_of = [&](size_t b, size_t k, const float* Y) {
    normalize_relu_pool(Y, pooled + b * s.out + k * pooled_channel, s, affine[k], Mask(s, b));
  };
  const auto arrange = [&](size_t i) {
    if (i < groups) pack_by_output(weights + i * group * taps, packed + i * group * taps, group, taps, group);
    else to_lanes(x + (i - groups) * s.in, blocked + (i - groups) * s.in, s.in / EXAMPLES, s.examples(i - groups));
  };
  const auto convolve_channels = [&](size_t i) {
    const size_t b = i / groups, k0 = i % groups * group;
    float* Y = training ? convolved + b * s.conv + k0 * channel : own + omp_get_thread_num() * group * channel;
    convolve<R>(X + b * s.in, packed + k0 * taps, Y, group, s);
    for (size_t k = k0; k < k0 + group; ++k, Y += channel) {
      if (training) parts[b * s.K + k] = moments_of_channel(Y, s.pixels(), s.examples(b), Mask(s, b));
      else pooled_of(b, k, Y);
    }
  };
  const auto statistics_of_channels = [&](size_t) {
    for (int k = 0; k < s.K; ++k) {
      Moments all = parts[k];
      for (size_t b = 1; b < blocks; ++b) all.join(parts[b * s.K + k]);
      const double nothing = bias[k] - bias[k];  // unless the bias is NaN or infinite: then all has to be NaN
      const double var = all.m2 / all.n + nothing, mean = all.mean + bias[k];
      all.mean += nothing;
      affine[k] = Affine<float>(all.mean, var, gamma[k], beta[k], eps);
      statistics[k] = all.mean;
      statistics[4 * s.K + k] = all.mean - statistics[k];
      statistics[s.K + k] = var;
      statistics[2 * s.K + k] = averaged(old_mean, k, momentum, mean);
      statistics[3 * s.K + k] = averaged(old_var, k, momentum, var);
    }
  };
  const auto pool_channels = [&](size_t i) {
    const size_t b = i / groups, k0 = i % groups * group;
    for (size_t k = k0; k < k0 + group; ++k) pooled_of(b, k, convolved + b * s.conv + k * channel);
  };
  const auto flatten = [&](size_t b) {
    from_lanes(pooled + b * s.out, out[0].data<float>() + b * EXAMPLES * features, features, s.examples(b));
  };

  if (!training)
    for (int k = 0; k < s.K; ++k)
      affine[k] = Affine<float>(static_cast<double>(old_mean[k]) - bias[k], old_var[k], gamma[k], beta[k], eps);
  SharedLoop loops[5];
#pragma omp parallel
  {
    loops[0].run(groups + (s.plain_input ? blocks : 0), arrange);
    loops[1].run(blocks * groups, convolve_channels);
    if (training) {
      loops[2].run(1, statistics_of_channels);
      loops[3].run(blocks * groups, pool_channels);
    }
    if (s.flat) loops[4].run(blocks, flatten);
  }
  return MX_SUCCESS;
}

template <int R>
MXReturnValue backward(const Attributes& attributes, Tensors& all, Tensors& gradients, const OpResource& resource) {
  MXTensor* in = &all[1];  // the gradient of the output comes first, then the inputs, then the output
  const Sizes s(attributes, in[X_].shape, in[WEIGHT].shape);
  const double eps = number(attributes, "eps");
  const size_t in_group = channels_together(s.C, GROUP), in_groups = s.C / in_group;
  const size_t out_group = channels_together(s.K, GROUP), out_groups = s.K / out_group;
  const size_t w_group = channels_together(s.K, WEIGHT_GROUP), w_groups = s.K / w_group;
  const size_t weights = s.weights, taps = weights / s.K, blocks = s.blocks, channel = s.pixels() * EXAMPLES;
  const BackwardSizes sizes(s);
  Workspace work(resource, sizes.all);
  float *packed = work.part(sizes.packed), *blocked = work.part(sizes.blocked), *dblocked = work.part(sizes.blocked);
  float *dlanes = work.part(sizes.dlanes), *dconv = work.part(sizes.dconv), *dw = work.part(sizes.dw);
  float *packed_again = work.part(sizes.packed_again), *again = work.part(sizes.convolved);
  float *convolved = s.keep ? in[CONVOLVED].data<float>() : again, *dX = s.plain_input ? dblocked : gradients[X_].data<float>();
  const float *x = in[X_].data<float>(), *X = s.plain_input ? blocked : x, *W = in[WEIGHT].data<float>();
  const float *dout = all[0].data<float>(), *dpooled = s.flat ? dlanes : dout;
  const float *gamma = in[GAMMA].data<float>(), *beta = in[BETA].data<float>(), *statistics = in[STATISTICS].data<float>();
  const size_t pooled_channel = s.out / s.K, features = s.out / EXAMPLES;
  std::vector<Affine<float> > affine;
  for (int k = 0; k < s.K; ++k)
    affine.push_back(Affine<float>(static_cast<double>(statistics[k]) + statistics[4 * s.K + k], statistics[s.K + k],
                                   gamma[k], beta[k], eps));
  std::vector<double> sums(blocks * s.K * 2), total(s.K * 2);
  const double n = static_cast<double>(s.m) * s.pixels();

  const size_t lanes_of_dout = s.flat ? blocks : 0, lanes_of_x = s.plain_input ? blocks : 0;
  const auto arrange = [&](size_t i) {
    if (i < in_groups) return pack_by_input(W, packed, s.K, s.C, R * R, in_group, i);
    i -= in_groups;
    if (i < lanes_of_dout) return to_lanes(dout + i * s.out, dlanes + i * s.out, features, s.examples(i));
    i -= lanes_of_dout;
    if (i < lanes_of_x) return to_lanes(x + i * s.in, blocked + i * s.in, s.in / EXAMPLES, s.examples(i));
    i -= lanes_of_x;
    pack_by_output(W + i * out_group * taps, packed_again + i * out_group * taps, out_group, taps, out_group);
  };
  const auto convolve_again = [&](size_t i) {
    const size_t b = i / out_groups, k0 = i % out_groups * out_group;
    convolve<R>(X + b * s.in, packed_again + k0 * taps, convolved + b * s.conv + k0 * channel, out_group, s);
  };
  const auto sums_of_channels = [&](size_t i) {
    const size_t b = i / w_groups, k0 = i % w_groups * w_group;
    for (size_t k = k0; k < k0 + w_group; ++k) {
      double* part = &sums[(b * s.K + k) * 2];
      gradient_sums(convolved + b * s.conv + k * channel, dpooled + b * s.out + k * pooled_channel, s, affine[k], part,
                    part + 1);
    }
  };
  const auto total_of_sums = [&](size_t) {
    for (int k = 0; k < 2 * s.K; ++k)
      for (size_t b = 0; b < blocks; ++b) total[k] += sums[b * s.K * 2 + k];
  };
  const auto gradient_of_weights = [&](size_t i) {
    const size_t b = i / w_groups, k0 = i % w_groups * w_group;
    for (size_t k = k0; k < k0 + w_group; ++k)
      conv_gradient(convolved + b * s.conv + k * channel, dpooled + b * s.out + k * pooled_channel,
                    dconv + b * s.conv + k * channel, s, affine[k], total[2 * k] / n, total[2 * k + 1] / n, Mask(s, b));
    weight_gradient<R>(X + b * s.in, dconv + b * s.conv + k0 * channel, dw + b * weights + k0 * taps, w_group, s);
  };
  const size_t bands = 3, inputs = blocks * in_groups * bands, parts = 8;  // rows and weights in parts: small items
  const auto gradient_of_input = [&](size_t i) {
    if (i < inputs) {
      const size_t b = i / (in_groups * bands), g = i / bands % in_groups, band = i % bands;
      return input_gradient<R>(dconv + b * s.conv, packed + g * in_group * s.K * R * R,
                               dX + b * s.in + g * in_group * s.H * s.W * EXAMPLES, in_group, s,
                               s.H * band / bands, s.H * (band + 1) / bands);
    }
    for (size_t t = weights * (i - inputs) / parts; t < weights * (i - inputs + 1) / parts; ++t) {
      double sum = 0;
      for (size_t b = 0; b < blocks; ++b) sum += dw[b * weights + t];
      gradients[WEIGHT].data<float>()[t] = sum;
    }
  };
  const auto input_in_rows = [&](size_t b) {
    from_lanes(dX + b * s.in, gradients[X_].data<float>() + b * s.in, s.in / EXAMPLES, s.examples(b));
  };

  SharedLoop loops[7];
#pragma omp parallel
  {
    loops[0].run(in_groups + lanes_of_dout + lanes_of_x + (s.keep ? 0 : out_groups), arrange);
    if (!s.keep) loops[1].run(blocks * out_groups, convolve_again);
    loops[2].run(blocks * w_groups, sums_of_channels);
    loops[3].run(1, total_of_sums);
    loops[4].run(blocks * w_groups, gradient_of_weights);
    loops[5].run(inputs + parts, gradient_of_input);
    if (s.plain_input) loops[6].run(blocks, input_in_rows);
  }
  for (int k = 0; k < s.K; ++k) {
    for (int zero : {BIAS, OLD_MEAN, OLD_VAR}) gradients[zero].data<float>()[k] = 0;
    gradients[GAMMA].data<float>()[k] = total[2 * k + 1];
    gradients[BETA].data<float>()[k] = total[2 * k];
  }
  return MX_SUCCESS;
}

MXReturnValue forward_any(const Attributes& a, Tensors* in, Tensors* out, const OpResource& r) {
  return in->at(WEIGHT).shape[2] == 3 ? forward<3>(a, *in, *out, r) : forward<5>(a, *in, *out, r);
}
MXReturnValue backward_any(const Attributes& a, Tensors* in, Tensors* out, const OpResource& r) {
  return in->at(1 + WEIGHT).shape[2] == 3 ? backward<3>(a, *in, *out, r) : backward<5>(a, *in, *out, r);
}
MXReturnValue parse(const Attributes& attributes, int* inputs, int* outputs) {
  return takes(attributes, number(attributes, "keep") != 0 ? CONVOLVED + 1 : CONVOLVED, inputs, outputs);
}

// Whether all counts stay within an int. In double precision no product overflows.
bool fits(const Attributes& attributes, const std::vector<unsigned>& x, const std::vector<unsigned>& w) {
  const double most = 2147483647, m = x.size() == 4 ? x[0] : number(attributes, "m"), blocks = std::ceil(m / EXAMPLES);
  const double in = static_cast<double>(x[1]) * x[2] * x[3] * EXAMPLES, weights = static_cast<double>(w[0]) * w[1] * w[2] * w[3];
  const double conv = static_cast<double>(w[0]) * (x[2] - w[2] + 1) * (x[3] - w[3] + 1) * EXAMPLES;
  const double threads = omp_get_max_threads();
  const double of_block = 2 * in + 3 * conv + weights;  // more than what forward or backward needs
  return m >= 1 && m == std::floor(m) && (2 * weights + blocks * of_block + threads * conv) * sizeof(float) <= most;
}

MXReturnValue infer_shape(const Attributes& attributes, Shapes* in, Shapes* out) {
  const std::vector<unsigned>&x = in->at(X_), &w = in->at(WEIGHT);
  if (x.size() != 4 && !has_axes(*in, X_, 5, "X")) return MX_FAIL;
  if (!has_axes(*in, X_, x.size(), "X") || !has_axes(*in, WEIGHT, 4, "the weight")) return MX_FAIL;
  const unsigned C = x[1], H = x[2], W = x[3], K = w[0], R = w[2];
  if (R != 3 && R != 5) {
    refuse("the weight has shape " + name_of(w) + "; expected (K, C, 3, 3) or (K, C, 5, 5)");
    return MX_FAIL;
  }
  if (!has_shape(*in, WEIGHT, {K, C, R, R}, "the weight")) return MX_FAIL;
  if (H <= R || W <= R) {
    refuse("X has shape " + name_of(x) + "; expected images in which the filter has two places in each direction");
    return MX_FAIL;
  }
  for (int i = BIAS; i <= OLD_VAR; ++i)
    if (!has_shape(*in, i, {K}, "an array of one value for each channel")) return MX_FAIL;
  if (!has_shape(*in, STATISTICS, {5, K}, "statistics")) return MX_FAIL;
  if (!fits(attributes, x, w)) {
    refuse("X has shape " + name_of(x) + "; expected fewer examples at once: the work space is counted in 31 bits");
    return MX_FAIL;
  }
  const Sizes s(attributes, std::vector<int64_t>(x.begin(), x.end()), std::vector<int64_t>(w.begin(), w.end()));
  const unsigned blocks = s.blocks, OH = s.OH, OW = s.OW, PH = s.PH, PW = s.PW, lanes = EXAMPLES;
  if (!s.plain_input && !has_shape(*in, X_, {blocks, C, H, W, lanes}, "X")) return MX_FAIL;
  if (s.keep && !has_shape(*in, CONVOLVED, {blocks, K, OH, OW, lanes}, "convolved")) return MX_FAIL;
  if (s.flat) out->at(0) = {unsigned(s.m), K * PH * PW};
  else out->at(0) = {blocks, K, PH, PW, lanes};
  return MX_SUCCESS;
}
MXReturnValue mutated(const Attributes& attributes, std::vector<int>* indices) {
  *indices = {STATISTICS};
  if (number(attributes, "keep") != 0) indices->push_back(CONVOLVED);
  return MX_SUCCESS;
}

}  // namespace

REGISTER_OP(_gluon_bn_block)
.setForward(forward_any, "cpu")
.setBackward(backward_any, "cpu")
.setParseAttrs(parse)
.setInferType(float32_alone)
.setInferShape(infer_shape)
.setMutateInputs(mutated);
