// The operator _gluon_bn_layer: batch norm of (m, C, H, W) or (m, C), float32 or float64, forward and backward.
// At the end of the file the same for small layers, as two operators.
//
// inputs   X, gamma (C), beta (C), old mean (C), old variance (C), and statistics (5, C), which is written: batch mean,
//          batch variance, new stored mean, new stored variance, what the first one lost in rounding
//          With the attribute `ranks`, the batch is that of all ranks (ranks.h), and X this rank's shard of it.
// output   of the shape of X; with training=0 it uses the old mean and variance and writes nothing else
//
// Statistics take one read of memory: a piece that fits the cache gives its mean, then its squared deviations, and the
// pieces are joined in double precision. Pieces depend on the shape alone, so that threads do not change a bit.
#include "ranks.h"

namespace {

enum { X_, GAMMA, BETA, OLD_MEAN, OLD_VAR, STATISTICS, NUM_INPUTS };
enum { PIECE = 1 << 15 };  // values of a piece

// X cut into pieces of `rows` examples by `columns` channels. S values of a channel lie together in an example.
struct Pieces {
  size_t m, C, S, rows, columns, across, number;
  explicit Pieces(const std::vector<int64_t>& shape) {
    m = shape[0];
    C = shape[1];
    S = shape.size() == 4 ? shape[2] * shape[3] : 1;
    columns = std::min(C, std::max<size_t>(1, S == 1 ? 128 : PIECE / S));
    rows = std::min(m, std::max<size_t>(1, PIECE / (columns * S)));
    across = (C + columns - 1) / columns;
    number = across * ((m + rows - 1) / rows);
  }
  size_t row0(size_t piece) const { return piece / across * rows; }
  size_t row1(size_t piece) const { return std::min(m, row0(piece) + rows); }
  size_t column0(size_t piece) const { return piece % across * columns; }
  size_t column1(size_t piece) const { return std::min(C, column0(piece) + columns); }
  bool alone() const { return m * C * S <= VALUES_FOR_ONE_THREAD; }
};

// Two sums over the values of each channel of a piece: f(position, channel, sum, other), on vectors or single values.
// The values of a channel lie together (S > 1).
template <typename T, typename F>
void sums_along(const Pieces& p, size_t piece, const F& f, double* sums) {
  typedef typename Vector<T>::type V;
  const size_t L = Vector<T>::LANES;
  for (size_t c = p.column0(piece); c < p.column1(piece); ++c) {
    V a[2] = {V{}, V{}}, b[2] = {V{}, V{}};
    T a0 = 0, b0 = 0;
    for (size_t n = p.row0(piece); n < p.row1(piece); ++n) {
      const size_t begin = (n * p.C + c) * p.S;
      size_t i = 0;
      for (; i + 2 * L <= p.S; i += 2 * L) {
        f.template add<V>(begin + i, c, &a[0], &b[0]);
        f.template add<V>(begin + i + L, c, &a[1], &b[1]);
      }
      if (i + L <= p.S) { f.template add<V>(begin + i, c, &a[0], &b[0]); i += L; }
      for (; i < p.S; ++i) f.template add<T>(begin + i, c, &a0, &b0);
    }
    sums[2 * (c - p.column0(piece))] = sum_of_lanes<T>(a[0]) + sum_of_lanes<T>(a[1]) + a0;
    sums[2 * (c - p.column0(piece)) + 1] = sum_of_lanes<T>(b[0]) + sum_of_lanes<T>(b[1]) + b0;
  }
}

// The same where channels lie beside each other (S == 1): a vector holds neighbouring channels.
template <typename T, typename A, typename F>
void sums_down(const Pieces& p, size_t piece, size_t c, size_t lanes, const F& f, double* sums) {
  A a[2] = {A{}, A{}}, b[2] = {A{}, A{}};
  for (size_t n = p.row0(piece); n < p.row1(piece); ++n) f.template add<A>(n * p.C + c, c, &a[n & 1], &b[n & 1]);
  const A total_a = a[0] + a[1], total_b = b[0] + b[1];
  T values_a[sizeof(A) / sizeof(T)], values_b[sizeof(A) / sizeof(T)];
  std::memcpy(values_a, &total_a, sizeof(A));
  std::memcpy(values_b, &total_b, sizeof(A));
  for (size_t i = 0; i < lanes; ++i) {
    sums[2 * (c - p.column0(piece) + i)] = values_a[i];
    sums[2 * (c - p.column0(piece) + i) + 1] = values_b[i];
  }
}

template <typename T, typename F>
void sums_of_piece(const Pieces& p, size_t piece, const F& f, double* sums) {
  if (p.S > 1) return sums_along<T>(p, piece, f, sums);
  size_t c = p.column0(piece);
  for (; c + Vector<T>::LANES <= p.column1(piece); c += Vector<T>::LANES)
    sums_down<T, typename Vector<T>::type>(p, piece, c, Vector<T>::LANES, f, sums);
  for (; c < p.column1(piece); ++c) sums_down<T, T>(p, piece, c, 1, f, sums);
}

// Every value of a piece, as vectors where there are enough: f(position, channel).
template <typename T, typename F>
void each_of_piece(const Pieces& p, size_t piece, const F& f) {
  typedef typename Vector<T>::type V;
  const size_t L = Vector<T>::LANES;
  for (size_t n = p.row0(piece); n < p.row1(piece); ++n) {
    if (p.S == 1) {
      size_t c = p.column0(piece);
      for (; c + L <= p.column1(piece); c += L) f.template set<V>(n * p.C + c, c);
      for (; c < p.column1(piece); ++c) f.template set<T>(n * p.C + c, c);
    } else {
      for (size_t c = p.column0(piece); c < p.column1(piece); ++c) {
        const size_t begin = (n * p.C + c) * p.S;
        size_t i = 0;
        for (; i + L <= p.S; i += L) f.template set<V>(begin + i, c);
        for (; i < p.S; ++i) f.template set<T>(begin + i, c);
      }
    }
  }
}

// A value or a vector of an array. `of_channel` is the same number for a whole vector, or neighbouring channels' numbers.
template <typename A, typename T>
inline A at(const T* array, size_t i) { A a; std::memcpy(&a, array + i, sizeof(A)); return a; }
template <typename A, typename T>
inline A of_channel(const T* array, size_t c, bool beside) { return beside ? at<A>(array, c) : A{} + array[c]; }

template <typename T>
struct Plain {  // sum of x
  const T* x;
  template <typename A> void add(size_t i, size_t, A* a, A*) const { *a += at<A>(x, i); }
};
template <typename T>
struct Deviations {  // sums of (x - pivot) and its square; the pivots are those of channel c0 and the next ones
  const T *x, *pivots;
  size_t c0;
  bool beside;
  template <typename A> void add(size_t i, size_t c, A* a, A* b) const {
    const A d = at<A>(x, i) - of_channel<A>(pivots, c - c0, beside);
    *a += d;
    *b += d * d;
  }
};

// The numbers of all channels, each in an array of its own, so that neighbouring channels make a vector.
template <typename T>
struct Channels {
  std::vector<T> mean, scale, shift, rstd, rest, mean_g, mean_gx;
  explicit Channels(size_t C) : mean(C), scale(C), shift(C), rstd(C), rest(C), mean_g(C), mean_gx(C) {}
  void set(size_t c, const Affine<T>& a) {
    mean[c] = a.mean; scale[c] = a.scale; shift[c] = a.shift; rstd[c] = a.rstd; rest[c] = a.rest;
  }
  template <typename A> Affine<A> affine(size_t c, bool beside) const {
    Affine<A> a;
    a.mean = of_channel<A>(&mean[0], c, beside);
    a.scale = of_channel<A>(&scale[0], c, beside);
    a.shift = of_channel<A>(&shift[0], c, beside);
    a.rstd = of_channel<A>(&rstd[0], c, beside);
    a.rest = of_channel<A>(&rest[0], c, beside);
    return a;
  }
};
template <typename T>
struct Normalize {
  const T* x; T* y; const Channels<T>& k; bool beside;
  template <typename A> void set(size_t i, size_t c) const {
    const A out = k.template affine<A>(c, beside).y(at<A>(x, i));
    std::memcpy(y + i, &out, sizeof(A));
  }
};
template <typename T>
struct GradientSums {  // sums of g and g x_hat
  const T *x, *g; const Channels<T>& k; bool beside;
  template <typename A> void add(size_t i, size_t c, A* a, A* b) const {
    const A d = at<A>(g, i);
    *a += d;
    *b += d * k.template affine<A>(c, beside).x_hat(at<A>(x, i));
  }
};
template <typename T>
struct InputGradient {
  const T *x, *g; T* dx; const Channels<T>& k; bool beside;
  template <typename A> void set(size_t i, size_t c) const {
    const A out = k.template affine<A>(c, beside).dx(at<A>(x, i), at<A>(g, i), of_channel<A>(&k.mean_g[0], c, beside),
                                                     of_channel<A>(&k.mean_gx[0], c, beside));
    std::memcpy(dx + i, &out, sizeof(A));
  }
};

// What the statistics of a batch need: moments, sums and pivots of the channels of each piece. Made before a parallel
// region, in which an allocation that fails would end the process.
template <typename T>
struct Statistics {
  std::vector<Moments> parts;
  std::vector<double> sums;
  std::vector<T> pivots;
  explicit Statistics(size_t size) : parts(size), sums(2 * size), pivots(size) {}
  void of_piece(const T* x, const Pieces& p, size_t piece) {
    const size_t c0 = p.column0(piece), width = p.column1(piece) - c0, begin = piece * p.columns;
    const double n = static_cast<double>((p.row1(piece) - p.row0(piece)) * p.S);
    double* sum = &sums[2 * begin];
    T* pivot = &pivots[begin];
    sums_of_piece<T>(p, piece, Plain<T>{x}, sum);
    for (size_t c = 0; c < width; ++c) pivot[c] = sum[2 * c] / n;
    sums_of_piece<T>(p, piece, Deviations<T>{x, pivot, c0, p.S == 1}, sum);
    for (size_t c = 0; c < width; ++c) {
      const double rest = sum[2 * c] / n;
      parts[begin + c] = Moments{n, pivot[c] + rest, not_negative(sum[2 * c + 1] - n * rest * rest)};
    }
  }
};

// The moments of channel c, of those of all pieces.
inline Moments joined(const std::vector<Moments>& parts, const Pieces& p, size_t c) {
  Moments all = {0, 0, 0};
  for (size_t piece = c / p.columns; piece < p.number; piece += p.across) all.join(parts[piece * p.columns + c % p.columns]);
  return all;
}

// The moments of all channels: to(channel, moments).
template <typename T, typename To>
void moments_of(const T* x, const Pieces& p, const To& to) {
  Statistics<T> batch(p.number * p.columns);
#pragma omp parallel if (!p.alone())
  {
#pragma omp for schedule(static)
    for (size_t piece = 0; piece < p.number; ++piece) batch.of_piece(x, p, piece);
#pragma omp for schedule(static)
    for (size_t c = 0; c < p.C; ++c) to(c, joined(batch.parts, p, c));
  }
}

template <typename T>
void normalize(const Pieces& p, const T* x, const Channels<T>& channels, T* y) {
#pragma omp parallel for schedule(static) if (!p.alone())
  for (size_t piece = 0; piece < p.number; ++piece) each_of_piece<T>(p, piece, Normalize<T>{x, y, channels, p.S == 1});
}

template <typename T>
MXReturnValue forward(const Attributes& attributes, Tensors& in, Tensors& out) {
  const Pieces p(in[X_].shape);
  const double eps = number(attributes, "eps"), momentum = number(attributes, "momentum");
  const bool training = number(attributes, "training") != 0, first = training && number(attributes, "first") != 0;
  const T *x = in[X_].data<T>(), *gamma = in[GAMMA].data<T>(), *beta = in[BETA].data<T>();
  const Stored<T> stored = stored_of<T>(in, OLD_MEAN, first, momentum);
  Rows<T> statistics(in[STATISTICS].data<T>(), p.C);
  std::vector<Moments> moments(training ? p.C : 0);
  if (training) {
    moments_of(x, p, [&](size_t c, const Moments& all) { moments[c] = all; });
    if (!Ranks(attributes).merge(&moments)) return refuse(Ranks::refusal());
  }
  Channels<T> channels(p.C);
  for (size_t c = 0; c < p.C; ++c) {
    if (!training) {
      channels.set(c, Affine<T>(stored.mean[c], stored.var[c], gamma[c], beta[c], eps));
      continue;
    }
    const double mean = moments[c].mean, var = moments[c].m2 / moments[c].n;
    channels.set(c, Affine<T>(mean, var, gamma[c], beta[c], eps));
    statistics.set(c, mean, var);
    stored.update(c, mean, var, statistics.new_mean, statistics.new_var);
  }
  normalize(p, x, channels, out[0].data<T>());
  return MX_SUCCESS;
}

// The sums of g of all channels, and after them those of g x_hat.
template <typename T>
void gradient_sums(const Pieces& p, const T* x, const T* g, const Channels<T>& channels, double* sums) {
  std::vector<double> parts(p.number * p.columns * 2);
#pragma omp parallel if (!p.alone())
  {
#pragma omp for schedule(static)
    for (size_t piece = 0; piece < p.number; ++piece)
      sums_of_piece<T>(p, piece, GradientSums<T>{x, g, channels, p.S == 1}, &parts[piece * p.columns * 2]);
#pragma omp for schedule(static)
    for (size_t c = 0; c < p.C; ++c) {
      double sum = 0, product = 0;
      for (size_t piece = c / p.columns; piece < p.number; piece += p.across) {
        sum += parts[(piece * p.columns + c % p.columns) * 2];
        product += parts[(piece * p.columns + c % p.columns) * 2 + 1];
      }
      sums[c] = sum;
      sums[p.C + c] = product;
    }
  }
}

// The closed form of the gradient of X, with those sums over a batch that has `n` values of each channel; null for
// statistics that do not depend on X.
template <typename T>
void input_gradient(const Pieces& p, const T* x, const T* g, double n, const double* sums, Channels<T>* k, T* dX) {
  Channels<T>& channels = *k;
  for (size_t c = 0; c < p.C; ++c) {
    channels.mean_g[c] = sums ? sums[c] / n : 0;
    channels.mean_gx[c] = sums ? sums[p.C + c] / n : 0;
  }
#pragma omp parallel for schedule(static) if (!p.alone())
  for (size_t piece = 0; piece < p.number; ++piece)
    each_of_piece<T>(p, piece, InputGradient<T>{x, g, dX, channels, p.S == 1});
}

// All gradients. `training`: the statistics are those of the batch, and depend on it. dgamma and dbeta are this rank's.
// Returns false if the other ranks' sums did not come.
template <typename T>
bool gradients_of(const Pieces& p, const T* x, const T* g, bool training, const Ranks& ranks, Channels<T>* channels,
                  T* dX, T* dgamma, T* dbeta) {
  std::vector<double> sums(2 * p.C);
  gradient_sums(p, x, g, *channels, sums.data());
  std::copy_n(sums.begin(), p.C, dbeta);
  std::copy_n(sums.begin() + p.C, p.C, dgamma);
  double n = static_cast<double>(p.m) * p.S;
  if (training && !ranks.add(&n, &sums)) return false;
  input_gradient(p, x, g, n, training ? sums.data() : nullptr, channels, dX);
  return true;
}

template <typename T>
MXReturnValue backward(const Attributes& attributes, Tensors& all, Tensors& gradients) {
  MXTensor* in = &all[1];  // the gradient of the output comes first, then the inputs, then the output
  const Pieces p(in[X_].shape);
  const double eps = number(attributes, "eps");
  const bool training = number(attributes, "training") != 0;
  const T *gamma = in[GAMMA].data<T>(), *old_mean = in[OLD_MEAN].data<T>(), *old_var = in[OLD_VAR].data<T>();
  const Rows<T> statistics(in[STATISTICS].data<T>(), p.C);
  Channels<T> channels(p.C);
  for (size_t c = 0; c < p.C; ++c)
    channels.set(c, training ? statistics.affine(c, gamma[c], 0, eps)
                             : Affine<T>(old_mean[c], old_var[c], gamma[c], 0, eps));
  for (int zero : {OLD_MEAN, OLD_VAR}) std::fill_n(gradients[zero].data<T>(), p.C, T(0));
  const bool done = gradients_of(p, in[X_].data<T>(), all[0].data<T>(), training, Ranks(attributes), &channels,
                                 gradients[X_].data<T>(), gradients[GAMMA].data<T>(), gradients[BETA].data<T>());
  return done ? MX_SUCCESS : refuse(Ranks::refusal());
}

// Small layers, computed sooner than launched. Every input of an operator on the autograd tape takes time then, forward
// and backward. So there is one with X, gamma and beta alone, which computes the statistics once more in backward, and
// another one, off the tape, for what is stored.
template <typename T>
std::vector<Moments> small_moments(const T* x, const Pieces& p) {
  std::vector<Moments> all(p.C);
  moments_of(x, p, [&](size_t c, const Moments& moments) { all[c] = moments; });
  return all;
}
template <typename T>
Channels<T> channels_of(const T* x, const T* gamma, const T* beta, const Pieces& p, double eps) {
  const std::vector<Moments> moments = small_moments(x, p);
  Channels<T> channels(p.C);
  for (size_t c = 0; c < p.C; ++c)
    channels.set(c, Affine<T>(moments[c].mean, moments[c].m2 / moments[c].n, gamma[c], beta[c], eps));
  return channels;
}
template <typename T>
MXReturnValue small_forward(const Attributes& attributes, Tensors& in, Tensors& out) {
  const Pieces p(in[X_].shape);
  const T* x = in[X_].data<T>();
  const Channels<T> channels = channels_of(x, in[GAMMA].data<T>(), in[BETA].data<T>(), p, number(attributes, "eps"));
  normalize(p, x, channels, out[0].data<T>());
  return MX_SUCCESS;
}
template <typename T>
MXReturnValue small_backward(const Attributes& attributes, Tensors& all, Tensors& gradients) {
  MXTensor* in = &all[1];
  const Pieces p(in[X_].shape);
  const T* x = in[X_].data<T>();
  Channels<T> channels = channels_of(x, in[GAMMA].data<T>(), in[BETA].data<T>(), p, number(attributes, "eps"));
  gradients_of(p, x, all[0].data<T>(), true, Ranks(), &channels, gradients[X_].data<T>(), gradients[GAMMA].data<T>(),
               gradients[BETA].data<T>());
  return MX_SUCCESS;
}
// X, and not for the first batch old mean and variance; two outputs: the new stored mean and variance.
template <typename T>
MXReturnValue statistics(const Attributes& attributes, Tensors& in, Tensors& out) {
  const Pieces p(in[X_].shape);
  const std::vector<Moments> moments = small_moments(in[X_].data<T>(), p);
  const Stored<T> stored = stored_of<T>(in, 1, in.size() == 1, number(attributes, "momentum"));
  for (size_t c = 0; c < p.C; ++c)
    stored.update(c, moments[c].mean, moments[c].m2 / moments[c].n, out[0].data<T>(), out[1].data<T>());
  return MX_SUCCESS;
}
MXReturnValue no_gradient(const Attributes&, Tensors*, Tensors*, const OpResource&) {  // off the tape; a graph wants one
  return refuse("the statistics of a small layer have no gradient");
}
// X and, from number 1 to `last`, an array of one value for each of its channels.
bool are_layer_and_channels(const Shapes& in, size_t last) {
  if (in[X_].size() != 2 && !has_axes(in, X_, 4, "X")) return false;
  if (!has_axes(in, X_, in[X_].size(), "X")) return false;
  for (size_t i = 1; i <= last; ++i)
    if (!has_shape(in, i, {in[X_][1]}, "an array of one value for each channel")) return false;
  return true;
}
MXReturnValue small_infer_shape(const Attributes&, Shapes* in, Shapes* out) {
  if (!are_layer_and_channels(*in, BETA)) return MX_FAIL;
  out->at(0) = in->at(X_);
  return MX_SUCCESS;
}
MXReturnValue statistics_parse(const Attributes& attributes, int* inputs, int* outputs) {
  const MXReturnValue status = takes(attributes, number(attributes, "first") != 0 ? 1 : 3, inputs, outputs);
  *outputs = 2;
  return status;
}
MXReturnValue statistics_infer_shape(const Attributes&, Shapes* in, Shapes* out) {
  if (!are_layer_and_channels(*in, in->size() - 1)) return MX_FAIL;
  out->at(0) = out->at(1) = {in->at(X_)[1]};
  return MX_SUCCESS;
}
MXReturnValue infer_shape(const Attributes&, Shapes* in, Shapes* out) {
  if (!are_layer_and_channels(*in, OLD_VAR) || !has_shape(*in, STATISTICS, {5, in->at(X_)[1]}, "statistics")) return MX_FAIL;
  out->at(0) = in->at(X_);
  return MX_SUCCESS;
}
MXReturnValue mutated(const Attributes&, std::vector<int>* indices) {
  *indices = {STATISTICS};
  return MX_SUCCESS;
}

// A batch that several ranks share, where the exchange takes place outside: an operator up to it and one from there on,
// forward and backward. Numbers are (1 + 2 C,) in double precision: how many values a channel has, and, one after the
// other, means and sums of squared deviations, or the sums of g and g x_hat.
enum { SUMS_G = 1, SUMS_NUMBERS, GRADIENT_GAMMA = 2, GRADIENT_NUMBERS, GRADIENT_TOTALS };

template <typename T>
Channels<T> channels_by(const double* numbers, const T* gamma, const T* beta, size_t C, double eps) {
  Channels<T> channels(C);
  for (size_t c = 0; c < C; ++c)
    channels.set(c, Affine<T>(numbers[1 + c], numbers[1 + C + c] / numbers[0], gamma ? gamma[c] : 1, beta ? beta[c] : 0,
                              eps));
  return channels;
}
template <typename T>
MXReturnValue shard_statistics(const Attributes&, Tensors& in, Tensors& out) {
  const Pieces p(in[X_].shape);
  double* numbers = out[0].data<double>();
  numbers[0] = static_cast<double>(p.m) * p.S;
  moments_of<T>(in[X_].data<T>(), p, [&](size_t c, const Moments& all) {
    numbers[1 + c] = all.mean;
    numbers[1 + p.C + c] = all.m2;
  });
  return MX_SUCCESS;
}
template <typename T>
MXReturnValue shard_normalize(const Attributes& attributes, Tensors& in, Tensors& out) {
  const Pieces p(in[X_].shape);
  const Channels<T> channels = channels_by(in[BETA + 1].data<double>(), in[GAMMA].data<T>(), in[BETA].data<T>(), p.C,
                                           number(attributes, "eps"));
  normalize<T>(p, in[X_].data<T>(), channels, out[0].data<T>());
  return MX_SUCCESS;
}
template <typename T>
MXReturnValue shard_sums(const Attributes& attributes, Tensors& in, Tensors& out) {
  const Pieces p(in[X_].shape);
  const Channels<T> channels = channels_by<T>(in[SUMS_NUMBERS].data<double>(), nullptr, nullptr, p.C,
                                              number(attributes, "eps"));
  double* numbers = out[0].data<double>();
  numbers[0] = static_cast<double>(p.m) * p.S;
  gradient_sums<T>(p, in[X_].data<T>(), in[SUMS_G].data<T>(), channels, numbers + 1);
  return MX_SUCCESS;
}
template <typename T>
MXReturnValue shard_gradient(const Attributes& attributes, Tensors& in, Tensors& out) {
  const Pieces p(in[X_].shape);
  Channels<T> channels = channels_by<T>(in[GRADIENT_NUMBERS].data<double>(), in[GRADIENT_GAMMA].data<T>(), nullptr, p.C,
                                        number(attributes, "eps"));
  const double* totals = in[GRADIENT_TOTALS].data<double>();
  input_gradient<T>(p, in[X_].data<T>(), in[SUMS_G].data<T>(), totals[0], totals + 1, &channels, out[0].data<T>());
  return MX_SUCCESS;
}
// X and what is like it, numbers of these channels, and arrays of one value for each channel, in this order.
template <int ALIKE, int CHANNELS>
MXReturnValue shard_shapes(const Shapes& in) {
  if (!are_layer_and_channels(in, 0)) return MX_FAIL;
  const unsigned C = in[X_][1];
  for (size_t i = 1; i < in.size(); ++i) {
    const bool fits = i < ALIKE ? has_shape(in, i, in[X_], "the gradient of the output")
        : i < ALIKE + CHANNELS ? has_shape(in, i, {C}, "an array of one value for each channel")
                               : has_shape(in, i, {1 + 2 * C}, "the numbers of a batch");
    if (!fits) return MX_FAIL;
  }
  return MX_SUCCESS;
}
template <int ALIKE, int CHANNELS>
MXReturnValue shard_to_numbers(const Attributes&, Shapes* in, Shapes* out) {
  if (shard_shapes<ALIKE, CHANNELS>(*in) == MX_FAIL) return MX_FAIL;
  out->at(0) = {1 + 2 * in->at(X_)[1]};
  return MX_SUCCESS;
}
template <int ALIKE, int CHANNELS>
MXReturnValue shard_to_values(const Attributes&, Shapes* in, Shapes* out) {
  if (shard_shapes<ALIKE, CHANNELS>(*in) == MX_FAIL) return MX_FAIL;
  out->at(0) = in->at(X_);
  return MX_SUCCESS;
}
template <int NUMBERS, bool TO_NUMBERS>  // so many last inputs are numbers, and the output may be
MXReturnValue shard_types(const Attributes&, std::vector<int>* in, std::vector<int>* out) {
  if (one_type(in, out, true) == MX_FAIL) return MX_FAIL;
  std::fill(in->end() - NUMBERS, in->end(), int(mxnet::ext::kFloat64));
  if (TO_NUMBERS) out->at(0) = mxnet::ext::kFloat64;
  return MX_SUCCESS;
}

}  // namespace

REGISTER_OP(_gluon_bn_layer)
.setForward(by_dtype<forward<float>, forward<double> >, "cpu")
.setBackward(by_dtype<backward<float>, backward<double> >, "cpu")
.setParseAttrs(takes<NUM_INPUTS>)
.setInferType(float32_or_64)
.setInferShape(infer_shape)
.setMutateInputs(mutated);

REGISTER_OP(_gluon_bn_small_layer)
.setForward(by_dtype<small_forward<float>, small_forward<double> >, "cpu")
.setBackward(by_dtype<small_backward<float>, small_backward<double> >, "cpu")
.setParseAttrs(takes<BETA + 1>)
.setInferType(float32_or_64)
.setInferShape(small_infer_shape);

REGISTER_OP(_gluon_bn_small_statistics)
.setForward(by_dtype<statistics<float>, statistics<double> >, "cpu")
.setBackward(no_gradient, "cpu")
.setParseAttrs(statistics_parse)
.setInferType(float32_or_64)
.setInferShape(statistics_infer_shape);

REGISTER_OP(_gluon_bn_shard_statistics)
.setForward(by_dtype<shard_statistics<float>, shard_statistics<double> >, "cpu")
.setParseAttrs(takes<1>)
.setInferType(shard_types<0, true>)
.setInferShape(shard_to_numbers<1, 0>);

REGISTER_OP(_gluon_bn_shard_normalize)
.setForward(by_dtype<shard_normalize<float>, shard_normalize<double> >, "cpu")
.setParseAttrs(takes<4>)
.setInferType(shard_types<1, false>)
.setInferShape(shard_to_values<1, 2>);

REGISTER_OP(_gluon_bn_shard_sums)
.setForward(by_dtype<shard_sums<float>, shard_sums<double> >, "cpu")
.setParseAttrs(takes<3>)
.setInferType(shard_types<1, true>)
.setInferShape(shard_to_numbers<2, 0>);

REGISTER_OP(_gluon_bn_shard_gradient)
.setForward(by_dtype<shard_gradient<float>, shard_gradient<double> >, "cpu")
.setParseAttrs(takes<5>)
.setInferType(shard_types<2, false>)
.setInferShape(shard_to_values<2, 1>);
