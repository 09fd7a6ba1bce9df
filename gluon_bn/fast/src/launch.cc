// Calls from Python in place of two dozen: what arrays are, and the launch of a small layer.
//
// They do nothing that Python could not do through MXNet's C interface, and use that same interface; but Python needs
// microseconds for each call of it, several where MXNet has just had the caches, and a small layer is computed in ten.
// MXNet's functions come as pointers, so that nothing is linked against MXNet. What launch.py has to know of all this,
// `gluon_bn_interface` says: it stands here alone.
#include <initializer_list>

namespace {

typedef void* Array;

#define MXNET_FUNCTIONS(each)                                                                                   \
  each(MXNDArrayGetShapeEx, shape, (Array, int* dims, const int** shape))                                       \
  each(MXNDArrayGetDType, dtype, (Array, int* dtype))                                                           \
  each(MXNDArrayGetContext, context, (Array, int* device_type, int* device_id))                                 \
  each(MXNDArrayFree, free, (Array))                                                                            \
  each(MXNDArrayGetGrad, gradient, (Array, Array* out))                                                         \
  each(MXAutogradSetIsRecording, set_recording, (int recording, int* before))                                   \
  each(MXInvokeCachedOpEx, invoke, (void* op, int inputs, Array* in, int* outputs, Array** out, const int** storage))

#define POINTER(name, member, arguments) int (*member) arguments;
struct MXNet { MXNET_FUNCTIONS(POINTER) };

// What Python calls, each with the prefix gluon_bn_ and pointers alone: 0, or -1 if MXNet has refused something.
#define CALLS(each)                                                                                             \
  each(describe, (const MXNet* mxnet, int* fields, Array a, Array b, Array c, Array d, Array e))                \
  each(launch, (const MXNet* mxnet, void* layer, void* statistics, Array X, Array gamma, Array beta,            \
                Array old_mean, Array old_var, Array* results))

// What an array is, in integers. One with more axes has none of its lengths in them.
enum { AXES = 4, DIMS = 0, SHAPE = 1, DTYPE = SHAPE + AXES, DEVICE_TYPE, DEVICE_ID, IS_LEAF, FIELDS };

int describe(const MXNet* mxnet, Array array, int* to) {
  const int* shape = nullptr;
  Array gradient = nullptr;
  if (mxnet->shape(array, to + DIMS, &shape) || mxnet->dtype(array, to + DTYPE)
      || mxnet->context(array, to + DEVICE_TYPE, to + DEVICE_ID) || mxnet->gradient(array, &gradient))
    return -1;
  if (to[DIMS] <= AXES)
    for (int axis = 0; axis < to[DIMS]; ++axis) to[SHAPE + axis] = shape[axis];
  to[IS_LEAF] = gradient != nullptr;
  return gradient == nullptr ? 0 : mxnet->free(gradient);
}

}  // namespace

#define DECLARE(name, arguments) extern "C" int gluon_bn_##name arguments;
CALLS(DECLARE)

// A line for each call with its arguments, and a line with the names of MXNet's functions in their order.
#define NAME(name, member, arguments) #name " "
#define LINE(name, arguments) #name " " #arguments "\n"
extern "C" const char* gluon_bn_interface() { return CALLS(LINE) MXNET_FUNCTIONS(NAME); }
extern "C" int gluon_bn_axes() { return AXES; }

// FIELDS integers for each array that is not null; `fields` comes full of zeros.
extern "C" int gluon_bn_describe(const MXNet* mxnet, int* fields, Array a, Array b, Array c, Array d, Array e) {
  for (Array array : {a, b, c, d, e}) {
    if (array != nullptr && describe(mxnet, array, fields)) return -1;
    fields += FIELDS;
  }
  return 0;
}

// Runs the graphs of a small layer and of its statistics. Before the first batch, the old mean and variance are null.
// `results`: the output, and the new stored mean and variance. Only the first is on the autograd tape.
extern "C" int gluon_bn_launch(const MXNet* mxnet, void* layer, void* statistics, Array X, Array gamma, Array beta,
                               Array old_mean, Array old_var, Array* results) {
  Array layer_in[] = {X, gamma, beta}, statistics_in[] = {X, old_mean, old_var}, *out = nullptr;
  int recording, ignored, outputs = 0;
  const int* storage = nullptr;
  if (mxnet->invoke(layer, 3, layer_in, &outputs, &out, &storage)) return -1;
  results[0] = out[0];
  if (mxnet->set_recording(0, &recording)) return -1;
  outputs = 0;
  out = nullptr;
  const int failed = mxnet->invoke(statistics, old_mean ? 3 : 1, statistics_in, &outputs, &out, &storage);
  for (int i = 0; !failed && i < 2; ++i) results[1 + i] = out[i];
  mxnet->set_recording(recording, &ignored);
  return failed ? -1 : 0;
}
