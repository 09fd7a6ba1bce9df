// The operator _gluon_bn_layer: batch norm of (m, C, H, W) or (m, C), float32 or float64, forward and backward.
// At the end of the file the same for small layers, as two operators.
//
// inputs   X, gamma (C), beta (C), old mean (C), old variance (C), and statistics (5, C), which is written: batch mean,
//          batch variance, new stored mean, new stored variance, what the first one lost in rounding
//          With the attribute `ranks`, the batch is that of all ranks (ranks.h), and X this rank's shard of it.
//          With the attribute `by_units`, X (m, C) is added up as halves.h says.
// output   of the shape of X; with training=0 it uses the old mean and variance and writes nothing else
#include "passes.h"

namespace {

enum { X_, GAMMA, BETA, OLD_MEAN, OLD_VAR, STATISTICS, NUM_INPUTS };

Pieces pieces_of(const Attributes& attributes, const std::vector<int64_t>& shape) {
  return Pieces(shape, 1, number(attributes, "by_units") != 0);
}

template <typename T>
MXReturnValue forward(const Attributes& attributes, Tensors& in, Tensors& out) {
  const Pieces p = pieces_of(attributes, in[X_].shape);
  const double eps = number(attributes, "eps"), momentum = number(attributes, "momentum");
  const bool training = number(attributes, "training") != 0, first = training && number(attributes, "first") != 0;
  const T *x = in[X_].data<T>(), *gamma = in[GAMMA].data<T>(), *beta = in[BETA].data<T>();
  const Stored<T> stored = stored_of<T>(in, OLD_MEAN, first, momentum);
  Rows<T> statistics(in[STATISTICS].data<T>(), p.C);
  const bool done = normalize(p, x, out[0].data<T>(), training, [&](size_t c, const Moments& all) {
    if (!training) return Affine<T>(stored.mean[c], stored.var[c], gamma[c], beta[c], eps);
    const double mean = all.mean(), var = all.var();
    statistics.set(c, mean, var);
    stored.update(c, mean, var, statistics.new_mean, statistics.new_var);
    return Affine<T>(mean, var, gamma[c], beta[c], eps);
  }, Ranks(attributes));
  return done ? MX_SUCCESS : refuse(Ranks::refusal());
}

template <typename T>
MXReturnValue backward(const Attributes& attributes, Tensors& all, Tensors& gradients) {
  MXTensor* in = &all[1];  // the gradient of the output comes first, then the inputs, then the output
  const Pieces p = pieces_of(attributes, in[X_].shape);
  const double eps = number(attributes, "eps");
  const bool training = number(attributes, "training") != 0;
  const T *gamma = in[GAMMA].data<T>(), *old_mean = in[OLD_MEAN].data<T>(), *old_var = in[OLD_VAR].data<T>();
  const Rows<T> statistics(in[STATISTICS].data<T>(), p.C);
  Channels<T> channels(p.C);
  for (size_t c = 0; c < p.C; ++c)
    channels.set(c, training ? statistics.affine(c, gamma[c], 0, eps)
                             : Affine<T>(old_mean[c], old_var[c], gamma[c], 0, eps));
  for (int zero : {OLD_MEAN, OLD_VAR}) std::fill_n(gradients[zero].data<T>(), p.C, T(0));
  const bool done = gradients_of(p, in[X_].data<T>(), all[0].data<T>(), training, &channels, gradients[X_].data<T>(),
                                 gradients[GAMMA].data<T>(), gradients[BETA].data<T>(), Ranks(attributes));
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
    channels.set(c, Affine<T>(moments[c].mean(), moments[c].var(), gamma[c], beta[c], eps));
  return channels;
}
template <typename T>
MXReturnValue small_forward(const Attributes& attributes, Tensors& in, Tensors& out) {
  const Pieces p(in[X_].shape);
  const T* x = in[X_].data<T>();
  const Channels<T> channels = channels_of(x, in[GAMMA].data<T>(), in[BETA].data<T>(), p, number(attributes, "eps"));
  normalize_by(p, x, channels, out[0].data<T>());
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
  const std::vector<Moments> moments = small_moments(in[X_].data<T>(), p);
  const Stored<T> stored = stored_of<T>(in, 1, in.size() == 1, number(attributes, "momentum"));
  for (size_t c = 0; c < p.C; ++c)
    stored.update(c, moments[c].mean(), moments[c].var(), out[0].data<T>(), out[1].data<T>());
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
// other, their sums and sums of squared deviations, or the sums of g and g x_hat.
enum { SUMS_G = 1, SUMS_NUMBERS, GRADIENT_GAMMA = 2, GRADIENT_NUMBERS, GRADIENT_TOTALS };

template <typename T>
Channels<T> channels_by(const double* numbers, const T* gamma, const T* beta, size_t C, double eps) {
  Channels<T> channels(C);
  for (size_t c = 0; c < C; ++c) {
    const Moments all = {numbers[0], numbers[1 + c], numbers[1 + C + c]};
    channels.set(c, Affine<T>(all.mean(), all.var(), gamma ? gamma[c] : 1, beta ? beta[c] : 0, eps));
  }
  return channels;
}
template <typename T>
MXReturnValue shard_statistics(const Attributes&, Tensors& in, Tensors& out) {
  const Pieces p(in[X_].shape);
  double* numbers = out[0].data<double>();
  numbers[0] = static_cast<double>(p.m) * p.S;
  moments_of<T>(in[X_].data<T>(), p, [&](size_t c, const Moments& all) {
    numbers[1 + c] = all.sum;
    numbers[1 + p.C + c] = all.m2;
  });
  return MX_SUCCESS;
}
template <typename T>
MXReturnValue shard_normalize(const Attributes& attributes, Tensors& in, Tensors& out) {
  const Pieces p(in[X_].shape);
  const Channels<T> channels = channels_by(in[BETA + 1].data<double>(), in[GAMMA].data<T>(), in[BETA].data<T>(), p.C,
                                           number(attributes, "eps"));
  normalize_by<T>(p, in[X_].data<T>(), channels, out[0].data<T>());
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
