// The operator _gluon_bn_moving, batch norm over one axis of any array, which moves the stored statistics itself, forward.
//
// inputs   X, gamma (C), beta (C), moving mean (C), moving variance (C): with training=1 both are written
// outputs  y of the shape of X; and what backward needs, (3, C): mean, what it lost in rounding, variance
//
// Attributes: axis, eps, momentum, training, and fix_gamma=1, with which gamma counts as 1.
//
// And _gluon_bn_move, which moves the stored statistics alone, where MXNet's operator has computed all the rest:
//
// inputs   mean (C) and reciprocal standard deviation (C) of a batch, moving mean (C) and moving variance (C): both written
// output   one value, 0: a graph computes what leads to an output
#include "passes.h"

namespace {

enum { X_, GAMMA, BETA, MEAN, VAR, NUM_INPUTS };
enum { USED_MEAN, REST, USED_VAR, ROWS };

struct Options {
  const double eps, momentum;
  const bool training, fix_gamma;
  explicit Options(const Attributes& attributes)
      : eps(number(attributes, "eps")), momentum(number(attributes, "momentum")),
        training(number(attributes, "training") != 0), fix_gamma(number(attributes, "fix_gamma") != 0) {}
};

// The axis of the channels; one below 0 counts from the end.
size_t axis_of(const Attributes& attributes, size_t axes) {
  const double axis = number(attributes, "axis");
  return static_cast<size_t>(axis < 0 ? axis + axes : axis);
}

template <typename T>
MXReturnValue forward(const Attributes& attributes, Tensors& in, Tensors& out) {
  const Options options(attributes);
  const Pieces p(in[X_].shape, axis_of(attributes, in[X_].shape.size()));
  const T *gamma = in[GAMMA].data<T>(), *beta = in[BETA].data<T>();
  T *mean = in[MEAN].data<T>(), *var = in[VAR].data<T>(), *rows = out[1].data<T>();
  normalize(p, in[X_].data<T>(), out[0].data<T>(), options.training, [&](size_t c, const Moments& batch) {
    const double exact_mean = options.training ? batch.mean() : mean[c];
    const double exact_var = options.training ? batch.var() : var[c];
    rows[USED_MEAN * p.C + c] = exact_mean;
    rows[REST * p.C + c] = exact_mean - rows[USED_MEAN * p.C + c];
    rows[USED_VAR * p.C + c] = exact_var;
    if (options.training) Stored<T>{mean, var, options.momentum}.update(c, exact_mean, exact_var, mean, var);
    return Affine<T>(exact_mean, exact_var, options.fix_gamma ? 1 : gamma[c], beta[c], options.eps);
  });
  return MX_SUCCESS;
}

template <typename T>
MXReturnValue backward(const Attributes& attributes, Tensors& all, Tensors& gradients) {
  const Options options(attributes);
  MXTensor* in = &all[2];  // the gradients of both outputs come first, then the inputs, then the outputs
  const Pieces p(in[X_].shape, axis_of(attributes, in[X_].shape.size()));
  const T *gamma = in[GAMMA].data<T>(), *rows = in[NUM_INPUTS + 1].data<T>();
  Channels<T> channels(p.C);
  for (size_t c = 0; c < p.C; ++c)
    channels.set(c, Affine<T>(static_cast<double>(rows[USED_MEAN * p.C + c]) + rows[REST * p.C + c],
                              rows[USED_VAR * p.C + c], options.fix_gamma ? 1 : gamma[c], 0, options.eps));
  gradients_of(p, in[X_].data<T>(), all[0].data<T>(), options.training, &channels, gradients[X_].data<T>(),
               gradients[GAMMA].data<T>(), gradients[BETA].data<T>());
  for (int zero : {MEAN, VAR}) std::fill_n(gradients[zero].data<T>(), p.C, T(0));
  if (options.fix_gamma) std::fill_n(gradients[GAMMA].data<T>(), p.C, T(0));
  return MX_SUCCESS;
}

MXReturnValue parse(const Attributes& attributes, int* inputs, int* outputs) {
  const MXReturnValue status = takes(attributes, NUM_INPUTS, inputs, outputs);
  *outputs = 2;
  return status;
}
MXReturnValue infer_shape(const Attributes& attributes, Shapes* in, Shapes* out) {
  const std::vector<unsigned>& X = in->at(X_);
  if (!has_axes(*in, X_, X.size(), "the data")) return MX_FAIL;
  const size_t axis = axis_of(attributes, X.size());
  if (axis >= X.size()) return refuse("the data have shape " + name_of(X) + "; there is no axis " + attributes.at("axis"));
  for (size_t i = GAMMA; i < NUM_INPUTS; ++i)
    if (!has_shape(*in, i, {X[axis]}, "an array of one value for each channel")) return MX_FAIL;
  out->at(0) = X;
  out->at(1) = {ROWS, X[axis]};
  return MX_SUCCESS;
}
MXReturnValue mutated(const Attributes&, std::vector<int>* indices) {
  *indices = {MEAN, VAR};
  return MX_SUCCESS;
}

enum { NEW_MEAN, NEW_RSTD, MOVED_MEAN, MOVED_VAR, MOVE_INPUTS };

template <typename T>
MXReturnValue move(const Attributes& attributes, Tensors& in, Tensors& out) {
  const T *new_mean = in[NEW_MEAN].data<T>(), *new_rstd = in[NEW_RSTD].data<T>();
  T *mean = in[MOVED_MEAN].data<T>(), *var = in[MOVED_VAR].data<T>();
  const Stored<T> stored = {mean, var, number(attributes, "momentum")};
  const double eps = number(attributes, "eps");
  for (size_t c = 0, C = in[NEW_MEAN].size(); c < C; ++c) {
    const double rstd = new_rstd[c];
    stored.update(c, new_mean[c], not_negative(1 / (rstd * rstd) - eps), mean, var);
  }
  out[0].data<T>()[0] = 0;
  return MX_SUCCESS;
}
MXReturnValue move_has_no_gradient(const Attributes&, Tensors*, Tensors*, const OpResource&) {  // a graph wants one
  return refuse("moved statistics have no gradient");
}
MXReturnValue move_infer_shape(const Attributes&, Shapes* in, Shapes* out) {
  for (size_t i = NEW_RSTD; i < MOVE_INPUTS; ++i)
    if (!has_shape(*in, i, in->at(NEW_MEAN), "an array of one value for each channel")) return MX_FAIL;
  out->at(0) = {1};
  return MX_SUCCESS;
}
MXReturnValue move_mutated(const Attributes&, std::vector<int>* indices) {
  *indices = {MOVED_MEAN, MOVED_VAR};
  return MX_SUCCESS;
}

}  // namespace

REGISTER_OP(_gluon_bn_move)
.setForward(by_dtype<move<float>, move<double> >, "cpu")
.setBackward(move_has_no_gradient, "cpu")
.setParseAttrs(takes<MOVE_INPUTS>)
.setInferType(float32_or_64)
.setInferShape(move_infer_shape)
.setMutateInputs(move_mutated);

REGISTER_OP(_gluon_bn_moving)
.setForward(by_dtype<forward<float>, forward<double> >, "cpu")
.setBackward(by_dtype<backward<float>, backward<double> >, "cpu")
.setParseAttrs(parse)
.setInferType(float32_or_64)
.setInferShape(infer_shape)
.setMutateInputs(mutated);
