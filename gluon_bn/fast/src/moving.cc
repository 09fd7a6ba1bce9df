// The operator _gluon_bn_moving: batch norm over one axis of any array, which moves the stored statistics itself, forward.
//
// inputs   X, gamma (C), beta (C), moving mean (C), moving variance (C), both written when training; and, without the
//          attribute `training`, asked (C values) and answer (C): they are equal when training, and in no place else
// outputs  y of the shape of X; and what backward needs, (4, C): mean, what it lost in rounding, variance, is it training
//
// Attributes: axis, eps, momentum, training (0 or 1, if it is known), fix_gamma (gamma is 1, whatever there is), relu.
// A graph is made once, for training and for testing. MXNet does not tell an operator of a library which of the two it
// is; gluon_bn/nn/graphs.py says how `asked` and `answer` do.
#include "passes.h"

namespace {

enum { X_, GAMMA, BETA, MEAN, VAR, ASKED, ANSWER };
enum { BATCH_MEAN, REST, BATCH_VAR, TRAINING, ROWS };

struct Options {
  const double eps, momentum;
  const bool fix_gamma, relu;
  explicit Options(const Attributes& attributes)
      : eps(number(attributes, "eps")), momentum(number(attributes, "momentum")),
        fix_gamma(number(attributes, "fix_gamma") != 0), relu(number(attributes, "relu") != 0) {}
};

// The axis of the channels; one below 0 counts from the end.
size_t axis_of(const Attributes& attributes, size_t axes) {
  const double axis = number(attributes, "axis");
  return static_cast<size_t>(axis < 0 ? axis + axes : axis);
}
bool knows_training(const Attributes& attributes) { return attributes.count("training") != 0; }
template <typename T>
bool is_training(const Attributes& attributes, Tensors& in) {
  if (knows_training(attributes)) return number(attributes, "training") != 0;
  return in[ASKED].data<T>()[0] == in[ANSWER].data<T>()[0];
}

template <typename T>
MXReturnValue forward(const Attributes& attributes, Tensors& in, Tensors& out) {
  const Options options(attributes);
  const Pieces p(in[X_].shape, axis_of(attributes, in[X_].shape.size()));
  const bool training = is_training<T>(attributes, in);
  const T *gamma = in[GAMMA].data<T>(), *beta = in[BETA].data<T>();
  T *mean = in[MEAN].data<T>(), *var = in[VAR].data<T>(), *rows = out[1].data<T>();
  std::fill_n(rows + TRAINING * p.C, p.C, T(training));
  const auto channel = [&](size_t c, const Moments& batch) {
    const double exact_mean = training ? batch.mean : mean[c], exact_var = training ? batch.m2 / batch.n : var[c];
    rows[BATCH_MEAN * p.C + c] = exact_mean;
    rows[REST * p.C + c] = exact_mean - rows[BATCH_MEAN * p.C + c];
    rows[BATCH_VAR * p.C + c] = exact_var;
    if (training) Stored<T>{mean, var, options.momentum}.update(c, exact_mean, exact_var, mean, var);
    return Affine<T>(exact_mean, exact_var, options.fix_gamma ? 1 : gamma[c], beta[c], options.eps);
  };
  const T* x = in[X_].data<T>();
  std::vector<Moments> moments(p.C);
  if (training) moments_of(x, p, [&](size_t c, const Moments& batch) { moments[c] = batch; });
  Channels<T> channels(p.C);
  for (size_t c = 0; c < p.C; ++c) channels.set(c, channel(c, moments[c]));
  if (options.relu) normalize<true>(p, x, channels, out[0].data<T>());
  else normalize(p, x, channels, out[0].data<T>());
  return MX_SUCCESS;
}

template <typename T>
MXReturnValue backward(const Attributes& attributes, Tensors& all, Tensors& gradients) {
  const Options options(attributes);
  const size_t inputs = gradients.size();
  MXTensor* in = &all[2];  // the gradients of both outputs come first, then the inputs, then the outputs
  const Pieces p(in[X_].shape, axis_of(attributes, in[X_].shape.size()));
  const T *gamma = in[GAMMA].data<T>(), *beta = in[BETA].data<T>(), *rows = in[inputs + 1].data<T>();
  const bool training = rows[TRAINING * p.C] != 0;
  Channels<T> channels(p.C);
  for (size_t c = 0; c < p.C; ++c)
    channels.set(c, Affine<T>(static_cast<double>(rows[BATCH_MEAN * p.C + c]) + rows[REST * p.C + c],
                              rows[BATCH_VAR * p.C + c], options.fix_gamma ? 1 : gamma[c], beta[c], options.eps));
  for (size_t i = MEAN; i < inputs; ++i) std::fill_n(gradients[i].data<T>(), p.C, T(0));
  const auto fill = options.relu ? gradients_of<true, T> : gradients_of<false, T>;
  fill(p, in[X_].data<T>(), all[0].data<T>(), training, Ranks(), &channels, gradients[X_].data<T>(),
       gradients[GAMMA].data<T>(), gradients[BETA].data<T>());
  if (options.fix_gamma) std::fill_n(gradients[GAMMA].data<T>(), p.C, T(0));
  return MX_SUCCESS;
}

MXReturnValue parse(const Attributes& attributes, int* inputs, int* outputs) {
  const MXReturnValue status = takes(attributes, knows_training(attributes) ? ASKED : ANSWER + 1, inputs, outputs);
  *outputs = 2;
  return status;
}
MXReturnValue infer_shape(const Attributes& attributes, Shapes* in, Shapes* out) {
  const std::vector<unsigned>& X = in->at(X_);
  if (!has_axes(*in, X_, X.size(), "the data")) return MX_FAIL;
  const size_t axis = axis_of(attributes, X.size());
  if (axis >= X.size()) return refuse("the data have shape " + name_of(X) + "; there is no axis " + attributes.at("axis"));
  for (size_t i = GAMMA; i < in->size(); ++i)
    if (i != ASKED && !has_shape(*in, i, {X[axis]}, "an array of one value for each channel")) return MX_FAIL;
  out->at(0) = X;
  out->at(1) = {ROWS, X[axis]};
  return MX_SUCCESS;
}
MXReturnValue mutated(const Attributes&, std::vector<int>* indices) {
  *indices = {MEAN, VAR};
  return MX_SUCCESS;
}

}  // namespace

REGISTER_OP(_gluon_bn_moving)
.setForward(by_dtype<forward<float>, forward<double> >, "cpu")
.setBackward(by_dtype<backward<float>, backward<double> >, "cpu")
.setParseAttrs(parse)
.setInferType(float32_or_64)
.setInferShape(infer_shape)
.setMutateInputs(mutated);
