// The operator _gluon_bn_dense: a dense layer, X W + b, forward and backward, float32.
//
// inputs   X (m, D), weight (D, K), bias (K)
// output   (m, K)
//
// MXNet's own operators do the same in five launches, each with threads that have to be woken for a few microseconds of
// work; the sum over the batch that is the bias's gradient alone takes them as long as the three products together.
// Every sum is made by one thread in the same order, so that threads do not change a bit, nor do ranks: what is summed
// over the examples is added up as halves.h says.
#include "common.h"
#include "halves.h"
#include "shared_loop.h"

namespace {

typedef Vector<float>::type Floats;
enum { LANES = Vector<float>::LANES, ROWS = VECTOR_BYTES == 64 ? 8 : 4 };
enum { X_, WEIGHT, BIAS, NUM_INPUTS };

// A matrix with its columns padded by zeros to whole vectors; a copy only where that is needed. `transposed`: of the
// matrix (columns, rows).
struct Padded {
  std::vector<float> own;
  const float* values;
  size_t rows, columns, stride;
  Padded(const float* matrix, size_t rows_, size_t columns_, bool transposed = false) : rows(rows_), columns(columns_) {
    stride = (columns + LANES - 1) / LANES * LANES;
    values = matrix;
    if (stride == columns && !transposed) return;
    own.resize(rows * stride);
    values = own.data();
    for (size_t i = 0; i < rows; ++i)
      for (size_t j = 0; j < columns; ++j) own[i * stride + j] = transposed ? matrix[j * rows + i] : matrix[i * columns + j];
  }
};

// `R` rows of A times `V` vectors of columns of `depth` rows of B, kept in registers. A(i, k) is at a[i * row + k * column].
template <int R, int V>
void tile(const float* a, size_t row, size_t column, const float* b, size_t stride, size_t depth, const float* start,
          float* out) {
  Floats sum[R][V];
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) sum[r][v] = load(start + v * LANES);
  for (size_t k = 0; k < depth; ++k, b += stride, a += column) {
    Floats line[V];
    for (int v = 0; v < V; ++v) line[v] = load(b + v * LANES);
    for (int r = 0; r < R; ++r) {
      const float x = a[r * row];
      for (int v = 0; v < V; ++v) sum[r][v] += x * line[v];
    }
  }
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) store(out + (r * V + v) * LANES, sum[r][v]);
}

template <int V>
void rows_of_tile(size_t R, const float* a, size_t row, size_t column, const float* b, size_t stride, size_t depth,
                  const float* start, float* out) {
  if (R == ROWS) return tile<ROWS, V>(a, row, column, b, stride, depth, start, out);
  for (size_t r = 0; r < R; ++r) tile<1, V>(a + r * row, row, column, b, stride, depth, start, out + r * V * LANES);
}

// out (m, columns of B) = start + A B in tiles, `start` being one padded row; with `transposed` out is (columns of B, m).
// `over_examples`: so are the rows of B, and they are added up by halves; `start` is 0 then.
struct Product {
  const float* a;
  size_t row, column, m;
  const Padded& B;
  const float* start;
  float* out;
  bool transposed, over_examples;
  size_t across() const { return (B.stride + 2 * LANES - 1) / (2 * LANES); }
  size_t tiles() const { return (m + ROWS - 1) / ROWS * across(); }
  void operator()(size_t t) const {
    const size_t i = t / across() * ROWS, j = t % across() * 2 * LANES, R = std::min<size_t>(ROWS, m - i);
    const size_t V = std::min<size_t>(2 * LANES, B.stride - j) / LANES, valid = std::min(V * LANES, B.columns - j);
    float part[ROWS * 2 * LANES];
    if (V == 2) tile_of<2>(R, a + i * row, j, part);
    else tile_of<1>(R, a + i * row, j, part);
    if (!transposed) {
      for (size_t r = 0; r < R; ++r)
        std::memcpy(out + (i + r) * B.columns + j, part + r * V * LANES, valid * sizeof(float));
    } else {
      for (size_t c = 0; c < valid; ++c)
        for (size_t r = 0; r < R; ++r) out[(j + c) * m + i + r] = part[r * V * LANES + c];
    }
  }
  template <int V>
  void tile_of(size_t R, const float* rows, size_t j, float* out_) const {
    const auto over = [&](size_t k, size_t depth, float* to) {  // rows k to k + depth of B
      rows_of_tile<V>(R, rows + k * column, row, column, B.values + k * B.stride + j, B.stride, depth, start + j, to);
    };
    if (!over_examples) return over(0, B.rows, out_);
    sum_by_halves<ROWS * V * LANES>(0, units_of(B.rows), R * V * LANES, out_, [&](size_t u, float* to) {
      over(u * UNIT, std::min<size_t>(UNIT, B.rows - u * UNIT), to);
    });
  }
};

struct Sizes {
  size_t m, D, K;
  Sizes(const std::vector<int64_t>& x, const std::vector<int64_t>& w) : m(x[0]), D(w[0]), K(w[1]) {}
  bool alone() const { return product(m, D, K) <= PRODUCTS_FOR_ONE_THREAD; }
};

MXReturnValue forward(const Attributes&, Tensors* in, Tensors* out, const OpResource&) {
  const Sizes s(in->at(X_).shape, in->at(WEIGHT).shape);
  const Padded W(in->at(WEIGHT).data<float>(), s.D, s.K), b(in->at(BIAS).data<float>(), 1, s.K);
  const Product Y = {in->at(X_).data<float>(), s.D, 1, s.m, W, b.values, out->at(0).data<float>(), false, false};
  SharedLoop loop;
#pragma omp parallel if (!s.alone())
  loop.run(Y.tiles(), Y);
  return MX_SUCCESS;
}

MXReturnValue backward(const Attributes&, Tensors* all, Tensors* gradients, const OpResource&) {
  MXTensor* in = &all->at(1);  // the gradient of the output comes first, then the inputs, then the output
  const Sizes s(in[X_].shape, in[WEIGHT].shape);
  const float *dout = all->at(0).data<float>(), *x = in[X_].data<float>();
  const Padded dY(dout, s.m, s.K), dY_transposed(dout, s.K, s.m, true);
  const std::vector<float> zeros(std::max(dY.stride, dY_transposed.stride));
  const Product dW = {x, 1, s.D, s.D, dY, zeros.data(), gradients->at(WEIGHT).data<float>(), false,
                      true};            // X^T dY
  const Product dX = {in[WEIGHT].data<float>(), s.K, 1, s.D, dY_transposed, zeros.data(), gradients->at(X_).data<float>(),
                      true, false};     // (W dY^T)^T
  SharedLoop loop;
#pragma omp parallel if (!s.alone())
  loop.run(dW.tiles() + dX.tiles(), [&](size_t t) { t < dW.tiles() ? dW(t) : dX(t - dW.tiles()); });
  std::vector<float> sums(units_of(s.m) * s.K);
  for (size_t n = 0; n < s.m; ++n)
    for (size_t k = 0; k < s.K; ++k) sums[n / UNIT * s.K + k] += dout[n * s.K + k];
  add_by_halves(sums.data(), s.K, units_of(s.m), s.K, gradients->at(BIAS).data<float>());
  return MX_SUCCESS;
}

MXReturnValue infer_shape(const Attributes&, Shapes* in, Shapes* out) {
  if (!has_axes(*in, X_, 2, "X") || !has_axes(*in, WEIGHT, 2, "the weight")) return MX_FAIL;
  const unsigned m = in->at(X_)[0], D = in->at(X_)[1], K = in->at(WEIGHT)[1];
  if (!has_shape(*in, WEIGHT, {D, K}, "the weight") || !has_shape(*in, BIAS, {K}, "the bias")) return MX_FAIL;
  out->at(0) = {m, K};
  return MX_SUCCESS;
}

}  // namespace

REGISTER_OP(_gluon_bn_dense)
.setForward(forward, "cpu")
.setBackward(backward, "cpu")
.setParseAttrs(takes<NUM_INPUTS>)
.setInferType(float32_alone)
.setInferShape(infer_shape);
