// The operator _gluon_bn_layer: batch norm of (m, C, H, W) or (m, C), float32 or float64, forward and backward.
// At the end of the file the same for small layers, as two operators.
//
// inputs   X, gamma (C), beta (C), old mean (C), old variance (C), and statistics (5, C), which is written: batch mean,
//          batch variance, new stored mean, new stored variance, what the first one lost in rounding
// output   of the shape of X; with training=0 it uses the old mean and variance and writes nothing else
#include "passes.h"

namespace {

enum { X_, GAMMA, BETA, OLD_MEAN, OLD_VAR, STATISTICS, NUM_INPUTS };

template <typename T>
MXReturnValue forward(const Attributes& attributes, Tensors& in, Tensors& out) {
  const Pieces p(in[X_].shape);
  const double eps = number(attributes, "eps"), momentum = number(attributes, "momentum");
  const bool training = number(attributes, "training") != 0, first = training && number(attributes, "first") != 0;
  const T *x = in[X_].data<T>(), *gamma = in[GAMMA].data<T>(), *beta = in[BETA].data<T>();
  const Stored<T> stored = stored_of<T>(in, OLD_MEAN, first, momentum);
  Rows<T> statistics(in[STATISTICS].data<T>(), p.C);
  normalize(p, x, out[0].data<T>(), training, [&](size_t c, const Moments& all) {
    if (!training) return Affine<T>(stored.mean[c], stored.var[c], gamma[c], beta[c], eps);
    const double var = all.m2 / all.n;
    statistics.set(c, all.mean, var);
    stored.update(c, all.mean, var, statistics.new_mean, statistics.new_var);
    return Affine<T>(all.mean, var, gamma[c], beta[c], eps);
  });
  return MX_SUCCESS;
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
  gradients_of(p, in[X_].data<T>(), all[0].data<T>(), training, &channels, gradients[X_].data<T>(),
               gradients[GAMMA].data<T>(), gradients[BETA].data<T>());
  return MX_SUCCESS;
}

// Small layers, computed sooner than launched. Every input of an operator on the autograd tape takes time then, forward
// and backward. So there is one with X, gamma and beta alone, which computes the statistics once more in backward, and
// another one, off the tape, for what is stored.
template <typename T>
std::vector<Moments> moments_of(const T* x, const Pieces& p) {
  Statistics<T> batch(p.number * p.columns);
  std::vector<Moments> all(p.C);
  for (size_t piece = 0; piece < p.number; ++piece) batch.of_piece(x, p, piece);
  for (size_t c = 0; c < p.C; ++c) all[c] = joined(batch.parts, p, c);
  return all;
}
template <typename T>
Channels<T> channels_of(const T* x, const T* gamma, const T* beta, const Pieces& p, double eps) {
  const std::vector<Moments> moments = moments_of(x, p);
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
  for (size_t piece = 0; piece < p.number; ++piece)
    each_of_piece<T>(p, piece, Normalize<T>{x, out[0].data<T>(), channels, p.S == 1});
  return MX_SUCCESS;
}
template <typename T>
MXReturnValue small_backward(const Attributes& attributes, Tensors& all, Tensors& gradients) {
  MXTensor* in = &all[1];
  const Pieces p(in[X_].shape);
  const T* x = in[X_].data<T>();
  Channels<T> channels = channels_of(x, in[GAMMA].data<T>(), in[BETA].data<T>(), p, number(attributes, "eps"));
  gradients_of(p, x, all[0].data<T>(), true, &channels, gradients[X_].data<T>(), gradients[GAMMA].data<T>(),
               gradients[BETA].data<T>());
  return MX_SUCCESS;
}
// X, and not for the first batch old mean and variance; two outputs: the new stored mean and variance.
template <typename T>
MXReturnValue statistics(const Attributes& attributes, Tensors& in, Tensors& out) {
  const Pieces p(in[X_].shape);
  const std::vector<Moments> moments = moments_of(in[X_].data<T>(), p);
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
