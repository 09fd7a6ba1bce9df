// The operator _gluon_bn_sgd: one step of stochastic gradient descent for any number of parameters, float32.
//
// inputs   parameter, gradient, parameter, gradient, ...; the parameters are written
//          with `momentum` among the attributes: parameter, gradient, velocity, ...; the velocities are written as well
// output   (1), nothing: an operator has to have one
//
// MXNet's operator for several parameters walks all of them as far as the largest goes: as much work as if each had its
// size. For a LeNet that took longer than a dense layer.
#include "common.h"

namespace {

// How many arrays belong to a parameter.
int arrays_of(const Attributes& attributes) { return attributes.count("momentum") ? 3 : 2; }

MXReturnValue forward(const Attributes& attributes, Tensors* in, Tensors*, const OpResource&) {
  const float lr = number(attributes, "lr"), momentum = number(attributes, "momentum");
  const size_t arrays = arrays_of(attributes);
  for (size_t i = 0; i + arrays <= in->size(); i += arrays) {
    float *param = in->at(i).data<float>(), *velocity = arrays == 3 ? in->at(i + 2).data<float>() : nullptr;
    const float* grad = in->at(i + 1).data<float>();
    const int64_t size = in->at(i).size();
    if (velocity == nullptr) {
#pragma omp parallel for simd if (size > PRODUCTS_FOR_ONE_THREAD) schedule(static)
      for (int64_t j = 0; j < size; ++j) param[j] -= lr * grad[j];
    } else {
#pragma omp parallel for simd if (size > PRODUCTS_FOR_ONE_THREAD) schedule(static)
      for (int64_t j = 0; j < size; ++j) {
        velocity[j] = momentum * velocity[j] - lr * grad[j];
        param[j] += velocity[j];
      }
    }
  }
  return MX_SUCCESS;
}

MXReturnValue parse(const Attributes& attributes, int* inputs, int* outputs) {
  return takes(attributes, arrays_of(attributes) * static_cast<int>(number(attributes, "num_weights")), inputs, outputs);
}
MXReturnValue infer_shape(const Attributes& attributes, Shapes* in, Shapes* out) {
  const size_t arrays = arrays_of(attributes);
  for (size_t i = 0; i < in->size(); ++i) {
    const char* name = i % arrays == 1 ? "the gradient of a parameter" : "the velocity of a parameter";
    if (!has_shape(*in, i, in->at(i / arrays * arrays), name)) return MX_FAIL;
  }
  out->at(0) = {1u};
  return MX_SUCCESS;
}
MXReturnValue mutated(const Attributes& attributes, std::vector<int>* indices) {
  const int arrays = arrays_of(attributes);
  for (int i = 0; i < number(attributes, "num_weights"); ++i) {
    indices->push_back(arrays * i);
    if (arrays == 3) indices->push_back(arrays * i + 2);
  }
  return MX_SUCCESS;
}

}  // namespace

REGISTER_OP(_gluon_bn_sgd)
.setForward(forward, "cpu")
.setParseAttrs(parse)
.setInferType(float32_alone)
.setInferShape(infer_shape)
.setMutateInputs(mutated);
