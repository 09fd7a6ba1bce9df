// The passes of batch norm over arrays of any size, for layer.cc and moving.cc: statistics, normalization, gradients.
//
// Statistics take one read of memory: a piece that fits the cache gives its mean, then its squared deviations, and the
// pieces are joined in double precision. Pieces depend on the shape alone, so that threads do not change a bit.
#ifndef GLUON_BN_PASSES_H_
#define GLUON_BN_PASSES_H_
#include "halves.h"
#include "ranks.h"

namespace {

enum { PIECE = 1 << 15 };  // values of a piece

// X cut into pieces of `rows` examples by `columns` channels, which are on one axis: the axes before it are examples, and
// S values of a channel lie together, those of the axes behind it. `by_units`: a piece has UNIT examples (halves.h).
struct Pieces {
  size_t m, C, S, rows, columns, across, number;
  bool by_units;
  explicit Pieces(const std::vector<int64_t>& shape, size_t axis = 1, bool by_units_ = false)
      : m(1), C(shape[axis]), S(1), by_units(by_units_) {
    for (size_t i = 0; i < axis; ++i) m *= shape[i];
    for (size_t i = axis + 1; i < shape.size(); ++i) S *= shape[i];
    columns = std::min(C, std::max<size_t>(1, S == 1 ? 128 : PIECE / S));
    rows = std::min(m, by_units ? size_t(UNIT) : std::max<size_t>(1, PIECE / (columns * S)));
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
      parts[begin + c] = Moments{n, n * pivot[c] + sum[2 * c], not_negative(sum[2 * c + 1] - n * rest * rest)};
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
void normalize_by(const Pieces& p, const T* x, const Channels<T>& channels, T* y) {
#pragma omp parallel for schedule(static) if (!p.alone())
  for (size_t piece = 0; piece < p.number; ++piece) each_of_piece<T>(p, piece, Normalize<T>{x, y, channels, p.S == 1});
}

// y of x. `channel(c, moments)` gives what is done to channel c; when not training, there are no moments. Returns false if
// the moments of the other ranks' shards did not come.
template <typename T, typename F>
bool normalize(const Pieces& p, const T* x, T* y, bool training, const F& channel, const Ranks& ranks = Ranks()) {
  std::vector<Moments> moments(p.C, Moments{0, 0, 0});
  if (training) {
    moments_of(x, p, [&](size_t c, const Moments& all) { moments[c] = all; });
    if (!ranks.merge(&moments)) return false;
  }
  Channels<T> channels(p.C);
  for (size_t c = 0; c < p.C; ++c) channels.set(c, channel(c, moments[c]));
  normalize_by(p, x, channels, y);
  return true;
}

// The sums of g of all channels, and after them those of g x_hat. `dbeta` and `dgamma`, unless null, are the same.
template <typename T>
void gradient_sums(const Pieces& p, const T* x, const T* g, const Channels<T>& channels, double* sums, T* dbeta = nullptr,
                   T* dgamma = nullptr) {
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
      if (dbeta == nullptr) continue;
      T gradients[] = {static_cast<T>(sum), static_cast<T>(product)};
      if (p.by_units)
        add_by_halves(&parts[2 * c], p.across * p.columns * 2, p.number / p.across, 2, gradients);
      dbeta[c] = gradients[0];
      dgamma[c] = gradients[1];
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
bool gradients_of(const Pieces& p, const T* x, const T* g, bool training, Channels<T>* channels, T* dX, T* dgamma,
                  T* dbeta, const Ranks& ranks = Ranks()) {
  std::vector<double> sums(2 * p.C);
  gradient_sums(p, x, g, *channels, sums.data(), dbeta, dgamma);
  double n = static_cast<double>(p.m) * p.S;
  if (training && !ranks.add(&n, &sums)) return false;
  input_gradient(p, x, g, n, training ? sums.data() : nullptr, channels, dX);
  return true;
}

}  // namespace
#endif  // GLUON_BN_PASSES_H_
