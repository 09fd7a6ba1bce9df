// The operator _gluon_bn_block: convolution without bias, batch norm, ReLU and the mean of 2x2, forward and backward.
//
// inputs   X, weight (K, C, R, R), bias (K), gamma (K), beta (K), old mean (K), old variance (K), and, both written,
//          statistics (5, K): batch mean, batch variance, new stored mean, new stored variance, rest of the batch mean
//          with keep=1 also convolved (blocks, K, OH, OW, 32) for the backward pass, which otherwise convolves again:
//          quicker than memory for few channels
//          With the attribute `ranks`, the batch is that of all ranks (ranks.h), and X this rank's shard of it.
// output   (blocks, K, OH/2, OW/2, 32), or with flat=1 (m, K * OH/2 * OW/2)
// X        (m, C, H, W), or the (blocks, C, H, W, 32) of a block before; examples beyond m are zero
//
// The bias shifts the batch's mean and nothing else: batch norm takes it away again, and its gradient is exactly 0.
// Every sum is over the same parts in the same order whatever the number of threads: results are bit-for-bit the same.
// With halves.h, and sums in place of means (Moments), they are so whatever the number of ranks.
#include <climits>

#include "convolution.h"
#include "ranks.h"
#include "shared_loop.h"

namespace {

enum { X_, WEIGHT, BIAS, GAMMA, BETA, OLD_MEAN, OLD_VAR, STATISTICS, CONVOLVED };

struct Sizes {
  int m, blocks, C, H, W, K, R, OH, OW, PH, PW;
  uint64_t in, conv, out, weights;  // values of one block of 32 examples; values of all weights
  bool plain_input, flat, keep, training;
  Sizes(const Attributes& attributes, const std::vector<int64_t>& x, const std::vector<int64_t>& w)
      : C(x[1]), H(x[2]), W(x[3]), K(w[0]), R(w[2]), OH(H - R + 1), OW(W - R + 1), PH(OH / 2), PW(OW / 2),
        in(product(C, H, W, EXAMPLES)), conv(product(K, OH, OW, EXAMPLES)),
        out(product(K, PH, PW, EXAMPLES)), weights(product(K, C, R, R)), plain_input(x.size() == 4),
        flat(number(attributes, "flat") != 0), keep(number(attributes, "keep") != 0),
        training(number(attributes, "training") != 0) {
    m = plain_input ? x[0] : static_cast<int>(number(attributes, "m"));
    blocks = (m + EXAMPLES - 1) / EXAMPLES;
  }
  int examples(int block) const { return std::min<int>(EXAMPLES, m - block * EXAMPLES); }
  int pixels() const { return OH * OW; }
};

// The parts of the work space of one call, as places in one allocation: each is asked for first. MXNet counts the bytes
// in an int, and here they are counted in 64 bits, so that `fits` is right for any shape.
class Workspace {
 public:
  uint64_t part(uint64_t floats) {
    const uint64_t begin = floats_;
    floats_ = sum(floats_, floats);
    return begin;
  }
  bool fits() const { return floats_ <= INT_MAX / sizeof(float); }
  float* allocate(const OpResource& resource) const {
    return static_cast<float*>(resource.alloc_cpu(static_cast<int>(floats_ * sizeof(float))));
  }

 private:
  uint64_t floats_ = 0;
};
struct ForwardSpace : Workspace {
  uint64_t packed, blocked, pooled, convolved;
  explicit ForwardSpace(const Sizes& s) {
    packed = part(s.weights);
    blocked = part(s.plain_input ? product(s.blocks, s.in) : 0);
    pooled = part(s.flat ? product(s.blocks, s.out) : 0);
    // Training, all values until their statistics are known; testing, those that a thread computes together.
    convolved = part(!s.training ? product(omp_get_max_threads(), channels_together(s.K, GROUP), s.pixels(), EXAMPLES)
                     : s.keep ? 0 : product(s.blocks, s.conv));
  }
};
struct BackwardSpace : Workspace {
  uint64_t packed, blocked, dblocked, dpooled, dconv, dweights, packed_again, convolved;
  explicit BackwardSpace(const Sizes& s) {
    packed = part(s.weights);
    blocked = part(s.plain_input ? product(s.blocks, s.in) : 0);
    dblocked = part(s.plain_input ? product(s.blocks, s.in) : 0);
    dpooled = part(s.flat ? product(s.blocks, s.out) : 0);
    dconv = part(product(s.blocks, s.conv));
    dweights = part(product(s.blocks, UNITS, s.weights));
    packed_again = part(s.keep ? 0 : s.weights);
    convolved = part(s.keep ? 0 : product(s.blocks, s.conv));
  }
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

// Those of each example by itself, and then of all: the numbers of an example do not depend on which others are beside it.
Moments moments_of_channel(const float* x, int pixels, int examples) {
  double mean[EXAMPLES], m2 = 0, total = 0;
  for (int v = 0; v < examples; v += LANES) {
    Floats pivot{}, sum{}, squares{};
    for (int p = 0; p < pixels; ++p) pivot += load(x + p * EXAMPLES + v);
    pivot /= static_cast<float>(pixels);
    for (int p = 0; p < pixels; ++p) {
      const Floats d = load(x + p * EXAMPLES + v) - pivot;
      sum += d;
      squares += d * d;
    }
    for (int i = 0; i < LANES && v + i < examples; ++i) {
      const double rest = static_cast<double>(sum[i]) / pixels;
      mean[v + i] = pivot[i] + rest;
      total += static_cast<double>(pixels) * pivot[i] + sum[i];
      m2 += not_negative(squares[i] - pixels * rest * rest);
    }
  }
  const double n = static_cast<double>(pixels) * examples;
  for (int i = 0; i < examples; ++i) m2 += pixels * (mean[i] - total / n) * (mean[i] - total / n);
  return Moments{n, total, m2};
}

void normalize_relu_pool(const float* x, float* out, const Sizes& s, const Affine<float>& a, const Mask& mask) {
  for (int py = 0; py < s.PH; ++py)
    for (int px = 0; px < s.PW; ++px)
      for (int v = 0; v < EXAMPLES; v += LANES) {
        Floats sum{};
        for (int q = 0; q < 4; ++q) {
          const Floats y = a.y(load(x + ((2 * py + q / 2) * s.OW + 2 * px + q % 2) * EXAMPLES + v));
          sum += y < 0 ? Floats{} : y;  // NaN is not below 0, and stays
        }
        store(out + (py * s.PW + px) * EXAMPLES + v, 0.25f * sum * load(mask.value + v));
      }
}

// The gradient of pooling and ReLU at one pixel: that of the pooled value, a quarter, where y was not negative (or NaN).
inline Floats pixel_gradient(Floats x, Floats dpooled, const Affine<float>& a) {
  return a.y(x) < 0 ? Floats{} : 0.25f * dpooled;
}

// The sums of g and g x_hat of each unit of examples: `sums` has those of unit 0, and `stride` behind them the next ones.
// Row by row, so that rounding grows with the rows and with the pixels of one, not with all pixels: the terms of dbeta
// cancel, and its error is in every gradient of the weights.
void gradient_sums(const float* x, const float* dout, const Sizes& s, const Affine<float>& a, int examples, float* sums,
                   size_t stride) {
  for (int v0 = 0; v0 < examples; v0 += AT_ONCE) {
    Floats sum{}, product{};
    for (int py = 0; py < s.PH; ++py) {
      Floats row_sum{}, row_product{};
      for (int px = 0; px < s.PW; ++px)
        for (int v = v0; v < v0 + AT_ONCE; v += LANES) {
          const Floats d = load(dout + (py * s.PW + px) * EXAMPLES + v);
          for (int q = 0; q < 4; ++q) {
            const Floats c = load(x + ((2 * py + q / 2) * s.OW + 2 * px + q % 2) * EXAMPLES + v);
            const Floats g = pixel_gradient(c, d, a);
            row_sum += g;
            row_product += g * a.x_hat(c);
          }
        }
      sum += row_sum;
      product += row_product;
    }
    for (int u = 0; u < AT_ONCE / UNIT; ++u, sums += stride) {
      sums[0] = sum_of_unit(sum, u);
      sums[1] = sum_of_unit(product, u);
    }
  }
}

void conv_gradient(const float* x, const float* dout, float* dx, const Sizes& s, const Affine<float>& a, float mean_g,
                   float mean_gx, const Mask& mask) {
  for (int y = 0; y < s.OH; ++y)
    for (int col = 0; col < s.OW; ++col) {
      const int p = (y * s.OW + col) * EXAMPLES;
      const bool pooled = y / 2 < s.PH && col / 2 < s.PW;
      const float* d = dout + ((y / 2) * s.PW + col / 2) * EXAMPLES;
      for (int v = 0; v < EXAMPLES; v += LANES) {
        const Floats c = load(x + p + v), g = pooled ? pixel_gradient(c, load(d + v), a) : Floats{};
        store(dx + p + v, a.dx(c, g, mean_g, mean_gx) * load(mask.value + v));
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
void weight_gradient(const float* X, const float* dY, float* dw, int together, const Sizes& s, int examples) {
  if (together == WEIGHT_GROUP) weight_gradient_group<R, WEIGHT_GROUP>(X, dY, dw, s.weights, s.C, s.H, s.W, examples);
  else weight_gradient_group<R, 1>(X, dY, dw, s.weights, s.C, s.H, s.W, examples);
}

// What forward and backward have in common. `in` are the inputs of the operator.
template <int R>
struct Pass {
  const Sizes s;
  const size_t channel, pooled_channel, features, taps;  // values of a channel of a block; of an output; of a filter
  const size_t blocks;
  const float *x, *weights;
  std::vector<Affine<float> > affine;  // of each channel
  const Ranks ranks;
  bool merged = true;  // whether the other ranks' numbers came
  Pass(const Attributes& attributes, MXTensor* in)
      : s(attributes, in[X_].shape, in[WEIGHT].shape), channel(s.conv / s.K), pooled_channel(s.out / s.K),
        features(s.out / EXAMPLES), taps(s.weights / s.K), blocks(s.blocks), x(in[X_].data<float>()),
        weights(in[WEIGHT].data<float>()), ranks(attributes) {}
  void block_x(size_t b, float* blocked) const {
    to_lanes(x + b * s.in, blocked + b * s.in, s.in / EXAMPLES, s.examples(b));
  }
  void pack(size_t group, size_t size, float* packed) const {
    pack_by_output(weights + group * size * taps, packed + group * size * taps, size, taps, size);
  }
};

template <int R>
struct Forward : Pass<R> {
  using Pass<R>::s; using Pass<R>::channel; using Pass<R>::taps; using Pass<R>::affine; using Pass<R>::blocks;
  const size_t group = channels_together(s.K, GROUP), groups = s.K / group;
  const double eps;
  const float *bias, *gamma, *beta, *X;
  const Stored<float> stored;
  Rows<float> statistics;
  float *packed, *blocked, *own, *convolved, *pooled, *out;
  std::vector<Moments> parts, moments;  // of each channel of each block, and of each channel

  Forward(const Attributes& attributes, Tensors& in, Tensors& out_, const ForwardSpace& space, float* work)
      : Pass<R>(attributes, &in[0]), eps(number(attributes, "eps")), bias(in[BIAS].data<float>()),
        gamma(in[GAMMA].data<float>()), beta(in[BETA].data<float>()),
        stored(stored_of<float>(in, OLD_MEAN, s.training && number(attributes, "first") != 0,
                                number(attributes, "momentum"))),
        statistics(in[STATISTICS].data<float>(), s.K), packed(work + space.packed), blocked(work + space.blocked),
        own(work + space.convolved), convolved(s.keep ? in[CONVOLVED].data<float>() : own),
        out(out_[0].data<float>()), parts(s.training ? blocks * s.K : 0),
        moments(s.training ? s.K : 0) {
    X = s.plain_input ? blocked : this->x;
    pooled = s.flat ? work + space.pooled : out;
    affine.assign(s.K, Affine<float>(0, 1, 0, 0, 0));
    if (!s.training)
      for (int k = 0; k < s.K; ++k)
        affine[k] = Affine<float>(static_cast<double>(stored.mean[k]) - bias[k], stored.var[k], gamma[k], beta[k], eps);
  }

  void arrange(size_t i) {
    if (i < groups) this->pack(i, group, packed);
    else this->block_x(i - groups, blocked);
  }
  void convolve_channels(size_t i) {  // training, their moments as well; testing, all the rest
    const size_t b = i / groups, k0 = i % groups * group;
    float* Y = s.training ? convolved + b * s.conv + k0 * channel : own + omp_get_thread_num() * group * channel;
    convolve<R>(X + b * s.in, packed + k0 * taps, Y, group, s);
    for (size_t k = k0; k < k0 + group; ++k, Y += channel) {
      if (s.training) parts[b * s.K + k] = moments_of_channel(Y, s.pixels(), s.examples(b));
      else pool_channel(b, k, Y);
    }
  }
  void find_statistics() {
    std::copy_n(parts.begin(), s.K, moments.begin());
    for (int k = 0; k < s.K; ++k)
      for (size_t b = 1; b < blocks; ++b) moments[k].join(parts[b * s.K + k]);
    this->merged = this->ranks.merge(&moments, bias);
    for (int k = 0; k < s.K; ++k) {
      const Moments& all = moments[k];
      const double nothing = bias[k] - bias[k];  // unless the bias is NaN or infinite: then all has to be NaN
      const double var = all.var() + nothing;
      statistics.set(k, all.mean() + nothing, var);
      stored.update(k, all.mean() + bias[k], var, statistics.new_mean, statistics.new_var);
      affine[k] = Affine<float>(all.mean() + nothing, var, gamma[k], beta[k], eps);
    }
  }
  void pool_channels(size_t i) {
    const size_t b = i / groups, k0 = i % groups * group;
    for (size_t k = k0; k < k0 + group; ++k) pool_channel(b, k, convolved + b * s.conv + k * channel);
  }
  void pool_channel(size_t b, size_t k, const float* Y) {
    normalize_relu_pool(Y, pooled + b * s.out + k * this->pooled_channel, s, affine[k], Mask(s, b));
  }
  void flatten(size_t b) {
    from_lanes(pooled + b * s.out, out + b * EXAMPLES * this->features, this->features, s.examples(b));
  }
  bool run() {
    SharedLoop loops[5];
#pragma omp parallel
    {
      loops[0].run(groups + (s.plain_input ? blocks : 0), [this](size_t i) { arrange(i); });
      loops[1].run(blocks * groups, [this](size_t i) { convolve_channels(i); });
      if (s.training) {
        loops[2].run(1, [this](size_t) { find_statistics(); });
        loops[3].run(blocks * groups, [this](size_t i) { pool_channels(i); });
      }
      if (s.flat) loops[4].run(blocks, [this](size_t b) { flatten(b); });
    }
    return this->merged;
  }
};

template <int R>
struct Backward : Pass<R> {
  enum { BANDS = 3, PARTS = 8 };  // of an image's rows, and of all weights: so that the items are small
  using Pass<R>::s; using Pass<R>::channel; using Pass<R>::taps; using Pass<R>::affine; using Pass<R>::blocks;
  const size_t in_group = channels_together(s.C, GROUP), in_groups = s.C / in_group;
  const size_t out_group = channels_together(s.K, GROUP), out_groups = s.K / out_group;
  const size_t w_group = channels_together(s.K, WEIGHT_GROUP), w_groups = s.K / w_group;
  const size_t flat_blocks = s.flat ? blocks : 0, plain_blocks = s.plain_input ? blocks : 0;
  const size_t input_items = blocks * in_groups * BANDS;
  float *packed, *blocked, *dblocked, *lanes, *dconv, *dw, *packed_again, *convolved, *dX;
  const float *dout, *dpooled, *X;
  Tensors& gradients;
  std::vector<float> sums;           // of g and g x_hat of each channel, (units, K, 2)
  std::vector<double> batch_total;   // those of g of all channels, and of g x_hat: of the whole batch
  double n = static_cast<double>(s.m) * s.pixels();  // values of a channel in the whole batch

  Backward(const Attributes& attributes, Tensors& all, Tensors& gradients_, const BackwardSpace& space, float* work)
      : Pass<R>(attributes, &all[1]), packed(work + space.packed), blocked(work + space.blocked),
        dblocked(work + space.dblocked), lanes(work + space.dpooled), dconv(work + space.dconv),
        dw(work + space.dweights), packed_again(work + space.packed_again), dout(all[0].data<float>()),
        gradients(gradients_), sums(blocks * UNITS * s.K * 2), batch_total(s.K * 2) {
    MXTensor* in = &all[1];
    convolved = s.keep ? in[CONVOLVED].data<float>() : work + space.convolved;
    dX = s.plain_input ? dblocked : gradients[X_].data<float>();
    X = s.plain_input ? blocked : this->x;
    dpooled = s.flat ? lanes : dout;
    const Rows<float> statistics(in[STATISTICS].data<float>(), s.K);
    const float *gamma = in[GAMMA].data<float>(), *beta = in[BETA].data<float>();
    for (int k = 0; k < s.K; ++k)
      affine.push_back(statistics.affine(k, gamma[k], beta[k], number(attributes, "eps")));
  }

  void arrange(size_t i) {
    if (i < in_groups) return pack_by_input(this->weights, packed, s.K, s.C, R * R, in_group, i);
    i -= in_groups;
    if (i < flat_blocks) return to_lanes(dout + i * s.out, lanes + i * s.out, this->features, s.examples(i));
    i -= flat_blocks;
    if (i < plain_blocks) return this->block_x(i, blocked);
    this->pack(i - plain_blocks, out_group, packed_again);
  }
  void convolve_again(size_t i) {
    const size_t b = i / out_groups, k0 = i % out_groups * out_group;
    convolve<R>(X + b * s.in, packed_again + k0 * taps, convolved + b * s.conv + k0 * channel, out_group, s);
  }
  const float* convolved_of(size_t b, size_t k) const { return convolved + b * s.conv + k * channel; }
  const float* dpooled_of(size_t b, size_t k) const { return dpooled + b * s.out + k * this->pooled_channel; }
  void sum_channels(size_t i) {
    const size_t b = i / w_groups, k0 = i % w_groups * w_group;
    for (size_t k = k0; k < k0 + w_group; ++k)
      gradient_sums(convolved_of(b, k), dpooled_of(b, k), s, affine[k], s.examples(b),
                    &sums[(b * UNITS * s.K + k) * 2], s.K * 2);
  }
  void add_up_sums() {
    for (size_t u = 0; u < units_of(s.m); ++u)
      for (int k = 0; k < s.K; ++k) {
        batch_total[k] += sums[(u * s.K + k) * 2];
        batch_total[s.K + k] += sums[(u * s.K + k) * 2 + 1];
      }
    this->merged = this->ranks.add(&n, &batch_total);
  }
  void gradient_of_weights(size_t i) {
    const size_t b = i / w_groups, k0 = i % w_groups * w_group;
    for (size_t k = k0; k < k0 + w_group; ++k)
      conv_gradient(convolved_of(b, k), dpooled_of(b, k), dconv + b * s.conv + k * channel, s, affine[k],
                    batch_total[k] / n, batch_total[s.K + k] / n, Mask(s, b));
    weight_gradient<R>(X + b * s.in, dconv + b * s.conv + k0 * channel, dw + b * UNITS * s.weights + k0 * taps, w_group,
                       s, s.examples(b));
  }
  void gradient_of_input(size_t i) {
    const size_t b = i / (in_groups * BANDS), g = i / BANDS % in_groups, band = i % BANDS;
    input_gradient<R>(dconv + b * s.conv, packed + g * in_group * s.K * R * R,
                      dX + b * s.in + g * in_group * s.H * s.W * EXAMPLES, in_group, s, s.H * band / BANDS,
                      s.H * (band + 1) / BANDS);
  }
  void add_up_weights(size_t part) {
    const size_t begin = s.weights * part / PARTS, end = s.weights * (part + 1) / PARTS;
    add_by_halves(dw + begin, s.weights, units_of(s.m), end - begin, gradients[WEIGHT].data<float>() + begin);
  }
  void unblock_dX(size_t b) {
    from_lanes(dX + b * s.in, gradients[X_].data<float>() + b * s.in, s.in / EXAMPLES, s.examples(b));
  }
  void write_channels() {
    for (int k = 0; k < s.K; ++k) {
      for (int zero : {BIAS, OLD_MEAN, OLD_VAR}) gradients[zero].data<float>()[k] = 0;
      float total[2];
      add_by_halves(&sums[2 * k], s.K * 2, units_of(s.m), 2, total);
      gradients[BETA].data<float>()[k] = total[0];
      gradients[GAMMA].data<float>()[k] = total[1];
    }
  }
  bool run() {
    SharedLoop loops[7];
#pragma omp parallel
    {
      loops[0].run(in_groups + flat_blocks + plain_blocks + (s.keep ? 0 : out_groups), [this](size_t i) { arrange(i); });
      if (!s.keep) loops[1].run(blocks * out_groups, [this](size_t i) { convolve_again(i); });
      loops[2].run(blocks * w_groups, [this](size_t i) { sum_channels(i); });
      loops[3].run(1, [this](size_t) { add_up_sums(); });
      loops[4].run(blocks * w_groups, [this](size_t i) { gradient_of_weights(i); });
      loops[5].run(input_items + PARTS, [this](size_t i) {
        if (i < input_items) gradient_of_input(i);
        else add_up_weights(i - input_items);
      });
      loops[6].run(plain_blocks, [this](size_t b) { unblock_dX(b); });
    }
    write_channels();
    return this->merged;
  }
};

// A pass in its work space. The number of threads may be another one than when the shapes were looked at.
template <typename Space, typename Of3, typename Of5>
MXReturnValue pass(const Attributes& attributes, MXTensor* in, Tensors& first, Tensors& second, const OpResource& resource) {
  const Space space(Sizes(attributes, in[X_].shape, in[WEIGHT].shape));
  if (!space.fits()) return refuse("the work space of a block is larger than 31 bits can count; expected fewer examples");
  float* work = space.allocate(resource);
  const bool merged = in[WEIGHT].shape[2] == 3 ? Of3(attributes, first, second, space, work).run()
                                               : Of5(attributes, first, second, space, work).run();
  return merged ? MX_SUCCESS : refuse(Ranks::refusal());
}
MXReturnValue forward(const Attributes& attributes, Tensors* in, Tensors* out, const OpResource& resource) {
  return pass<ForwardSpace, Forward<3>, Forward<5> >(attributes, &in->at(0), *in, *out, resource);
}
// The gradient of the output comes first, then the inputs, then the output.
MXReturnValue backward(const Attributes& attributes, Tensors* all, Tensors* gradients, const OpResource& resource) {
  return pass<BackwardSpace, Backward<3>, Backward<5> >(attributes, &all->at(1), *all, *gradients, resource);
}
MXReturnValue parse(const Attributes& attributes, int* inputs, int* outputs) {
  return takes(attributes, number(attributes, "keep") != 0 ? CONVOLVED + 1 : CONVOLVED, inputs, outputs);
}

MXReturnValue infer_shape(const Attributes& attributes, Shapes* in, Shapes* out) {
  const std::vector<unsigned>&x = in->at(X_), &w = in->at(WEIGHT);
  if (x.size() != 4 && !has_axes(*in, X_, 5, "X")) return MX_FAIL;
  if (!has_axes(*in, X_, x.size(), "X") || !has_axes(*in, WEIGHT, 4, "the weight")) return MX_FAIL;
  const unsigned C = x[1], H = x[2], W = x[3], K = w[0], R = w[2], lanes = EXAMPLES;
  if (R != 3 && R != 5)
    return refuse("the weight has shape " + name_of(w) + "; expected (K, C, 3, 3) or (K, C, 5, 5)");
  if (!has_shape(*in, WEIGHT, {K, C, R, R}, "the weight")) return MX_FAIL;
  if (H <= R || W <= R)
    return refuse("X has shape " + name_of(x) + "; expected images in which the filter has two places in each direction");
  for (int i = BIAS; i <= OLD_VAR; ++i)
    if (!has_shape(*in, i, {K}, "an array of one value for each channel")) return MX_FAIL;
  if (!has_shape(*in, STATISTICS, {5, K}, "statistics")) return MX_FAIL;
  const double m = x.size() == 4 ? x[0] : number(attributes, "m");
  if (!(m >= 1 && m <= INT_MAX - EXAMPLES && m == std::floor(m)))
    return refuse("m is " + std::to_string(m) + "; expected a number of examples");
  if (product(C, H, W) > INT_MAX || product(K, H, W) > INT_MAX)  // so that the sizes are those of ints
    return refuse("X has shape " + name_of(x) + "; expected images whose values can be counted in 31 bits");
  const Sizes s(attributes, std::vector<int64_t>(x.begin(), x.end()), std::vector<int64_t>(w.begin(), w.end()));
  if (!ForwardSpace(s).fits() || (s.training && !BackwardSpace(s).fits()))
    return refuse("X has shape " + name_of(x) + "; expected fewer examples at once: the work space is counted in 31 bits");
  const unsigned blocks = s.blocks, OH = s.OH, OW = s.OW, PH = s.PH, PW = s.PW;
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
.setForward(forward, "cpu")
.setBackward(backward, "cpu")
.setParseAttrs(parse)
.setInferType(float32_alone)
.setInferShape(infer_shape)
.setMutateInputs(mutated);
