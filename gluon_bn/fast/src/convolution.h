// Convolutions of 32 examples at a time, in the layout (channels, height, width, 32 examples).
//
// The examples are innermost, so that every value of a filter meets whole vectors of examples: no shuffling, no im2col,
// no padding, and a weight is read once for 32 examples. Sums stay in registers: GROUP channels by two vectors.
#ifndef GLUON_BN_CONVOLUTION_H_
#define GLUON_BN_CONVOLUTION_H_
#include "common.h"
#include "halves.h"

enum { EXAMPLES = 32, UNITS = EXAMPLES / UNIT };
typedef Vector<float>::type Floats;
enum { LANES = Vector<float>::LANES };
#if defined(__AVX512F__)      // 32 registers: 20 or 25 of them are sums
enum { GROUP = 10, WEIGHT_GROUP = 5 };
#else                         // 16 registers
enum { GROUP = 5, WEIGHT_GROUP = 2 };
#endif

enum { AT_ONCE = int(LANES) > int(UNIT) ? int(LANES) : int(UNIT) };  // examples: whole vectors, and whole units

// The sum of those lanes that are unit `u` of a vector, or of all lanes of one that is no longer than a unit.
inline float sum_of_unit(Floats v, int u) {
  return sum_of_lanes<float>(v, u * UNIT, std::min<int>(LANES, (u + 1) * UNIT));
}

// How many channels go together: GROUP, or one at a time when their number is not a multiple of it.
inline int channels_together(int channels, int group) { return channels % group ? 1 : group; }

// Y[k, y, x] = sum over c, i, j of weights[c, i, j, k] X[c, y + i, x + j], for G channels k.
template <int R, int G>
inline void convolve_group(const float* X, const float* weights, float* Y, int C, int H, int W) {
  const int OH = H - R + 1, OW = W - R + 1;
  for (int v = 0; v < EXAMPLES; v += 2 * LANES)
    for (int y = 0; y < OH; ++y)
      for (int x = 0; x < OW; ++x) {
        Floats sum[G][2];
        for (int k = 0; k < G; ++k) sum[k][0] = sum[k][1] = Floats{};
        const float* w = weights;
        for (int c = 0; c < C; ++c)
          for (int i = 0; i < R; ++i) {
            const float* in = X + (static_cast<size_t>(c * H + y + i) * W + x) * EXAMPLES + v;
#pragma GCC unroll 5
            for (int j = 0; j < R; ++j, in += EXAMPLES, w += G) {
              const Floats x0 = load(in), x1 = load(in + LANES);
#pragma GCC unroll 10
              for (int k = 0; k < G; ++k) { sum[k][0] += w[k] * x0; sum[k][1] += w[k] * x1; }
            }
          }
        for (int k = 0; k < G; ++k) {
          float* out = Y + (static_cast<size_t>(k * OH + y) * OW + x) * EXAMPLES + v;
          store(out, sum[k][0]);
          store(out + LANES, sum[k][1]);
        }
      }
}

// dX[c, y, x] = sum over k, i, j of weights[k, i, j, c] dY[k, y - i, x - j] where that exists, for G channels c and the
// rows y0 to y1.
template <int R, int G>
inline void input_gradient_group(const float* dY, const float* weights, float* dX, int K, int H, int W, int y0, int y1) {
  const int OH = H - R + 1, OW = W - R + 1;
  for (int v = 0; v < EXAMPLES; v += 2 * LANES)
    for (int y = y0; y < y1; ++y)
      for (int x = 0; x < W; ++x) {
        Floats sum[G][2];
        for (int c = 0; c < G; ++c) sum[c][0] = sum[c][1] = Floats{};
        const int i0 = y < OH ? 0 : y - OH + 1, i1 = y < R ? y : R - 1;
        const int j0 = x < OW ? 0 : x - OW + 1, j1 = x < R ? x : R - 1;
        for (int k = 0; k < K; ++k)
          for (int i = i0; i <= i1; ++i) {
            const float* in = dY + (static_cast<size_t>(k * OH + y - i) * OW + x - j0) * EXAMPLES + v;
            const float* w = weights + static_cast<size_t>((k * R + i) * R + j0) * G;
            for (int j = j0; j <= j1; ++j, in -= EXAMPLES, w += G) {
              const Floats d0 = load(in), d1 = load(in + LANES);
#pragma GCC unroll 10
              for (int c = 0; c < G; ++c) { sum[c][0] += w[c] * d0; sum[c][1] += w[c] * d1; }
            }
          }
        for (int c = 0; c < G; ++c) {
          float* out = dX + (static_cast<size_t>(c * H + y) * W + x) * EXAMPLES + v;
          store(out, sum[c][0]);
          store(out + LANES, sum[c][1]);
        }
      }
}

// dweights[k, c, i, j] = sum over y, x and the examples of dY[k, y, x] X[c, y + i, x + j], for G channels k: of each unit
// of examples, `stride` behind that of the unit before it.
template <int R, int G>
inline void weight_gradient_group(const float* X, const float* dY, float* dweights, size_t stride, int C, int H, int W,
                                  int examples) {
  const int OH = H - R + 1, OW = W - R + 1;
  for (int c = 0; c < C; ++c)
    for (int i = 0; i < R; ++i)
      for (int v0 = 0; v0 < examples; v0 += AT_ONCE) {
        Floats sum[G][R];
        for (int k = 0; k < G; ++k)
          for (int j = 0; j < R; ++j) sum[k][j] = Floats{};
        for (int y = 0; y < OH; ++y)
          for (int x = 0; x < OW; ++x) {
            const float* in = X + (static_cast<size_t>(c * H + y + i) * W + x) * EXAMPLES;
            const float* d = dY + (static_cast<size_t>(y) * OW + x) * EXAMPLES;
            for (int v = v0; v < v0 + AT_ONCE; v += LANES) {
              Floats row[R];
#pragma GCC unroll 5
              for (int j = 0; j < R; ++j) row[j] = load(in + j * EXAMPLES + v);
#pragma GCC unroll 5
              for (int k = 0; k < G; ++k) {
                const Floats dk = load(d + static_cast<size_t>(k) * OH * OW * EXAMPLES + v);
#pragma GCC unroll 5
                for (int j = 0; j < R; ++j) sum[k][j] += dk * row[j];
              }
            }
          }
        for (int u = 0; u < AT_ONCE / UNIT; ++u)
          for (int k = 0; k < G; ++k)
            for (int j = 0; j < R; ++j)
              dweights[(v0 / UNIT + u) * stride + (static_cast<size_t>(k * C + c) * R + i) * R + j] =
                  sum_of_unit(sum[k][j], u);
      }
}

// weights (K, C, R, R) as [group of k][c, i, j][k in the group], the order in which convolve_group reads them.
inline void pack_by_output(const float* weights, float* packed, int K, int taps, int group) {
  for (int k = 0; k < K; ++k)
    for (int t = 0; t < taps; ++t)
      packed[(static_cast<size_t>(k / group) * taps + t) * group + k % group] = weights[static_cast<size_t>(k) * taps + t];
}

// weights (K, C, R, R) as [group of c][k, i, j][c in the group], the order in which input_gradient_group reads them:
// the group number g of them.
inline void pack_by_input(const float* weights, float* packed, int K, int C, int RR, int group, int g) {
  float* to = packed + static_cast<size_t>(g) * K * RR * group;
  for (int k = 0; k < K; ++k)
    for (int c = 0; c < group; ++c)
      for (int t = 0; t < RR; ++t)
        to[(static_cast<size_t>(k) * RR + t) * group + c] =
            weights[(static_cast<size_t>(k) * C + g * group + c) * RR + t];
}
#endif  // GLUON_BN_CONVOLUTION_H_
