// The operator _gluon_bn_sgd: one step of stochastic gradient descent for any number of parameters, float32.
//
// inputs   parameter, gradient, parameter, gradient, ...; the parameters are written
// output   (1), nothing: an operator has to have one
//
// MXNet's operator for several parameters walks all of them as far as the largest goes: as much work as if each had its
// size. For a LeNet that took longer than a dense layer.
#include "common.h"

namespace {

enum { ALONE = 1 << 18 };

MXReturnValue forward(const Attributes& attributes, Tensors* in, Tensors*, const OpResource&) {
  const float lr = number(attributes, "lr");
  for (size_t i = 0; i + 1 < in->size(); i += 2) {
    float* param = in->at(i).data<float>();
    const float* grad = in->at(i + 1).data<float>();
    const int64_t size = in->at(i).size();
#pragma omp parallel for simd if (size > ALONE) schedule(static)
    for (int64_t j = 0; j < size; ++j) param[j] -= lr * grad[j];
  }
  return MX_SUCCESS;
}

MXReturnValue parse(const Attributes& attributes, int* inputs, int* outputs) {
  *inputs = 2 * static_cast<int>(number(attributes, "num_weights"));
  *outputs = 1;
  return MX_SUCCESS;
}
MXReturnValue infer_shape(const Attributes&, Shapes*, Shapes* out) {
  out->at(0) = {1u};
  return MX_SUCCESS;
}
MXReturnValue mutated(const Attributes& attributes, std::vector<int>* indices) {
  for (int i = 0; i < number(attributes, "num_weights"); ++i) indices->push_back(2 * i);
  return MX_SUCCESS;
}

}  // namespace

REGISTER_OP(_gluon_bn_sgd)
.setForward(forward, "cpu")
.setParseAttrs(parse)
.setInferType(same_types)
.setInferShape(infer_shape)
.setMutateInputs(mutated);
