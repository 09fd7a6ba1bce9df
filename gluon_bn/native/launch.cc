// Two calls from Python in place of two dozen: what arrays are, and the launch of a small layer.
//
// They do nothing that Python could not do through MXNet's C interface, and use that same interface; but Python needs
// one or two microseconds for each call of it, and a small layer is computed in ten. The functions come as pointers, in
// the order of FUNCTIONS in launch.py, so that nothing is linked against MXNet.
#include <cstdint>

namespace {

typedef void* Array;

struct MXNet {
  int (*shape)(Array, int* dims, const int** shape);
  int (*dtype)(Array, int* dtype);
  int (*context)(Array, int* device_type, int* device_id);
  int (*create)(const uint32_t* shape, uint32_t dims, int device_type, int device_id, int later, int dtype, Array* out);
  int (*at)(Array, uint32_t row, Array* out);
  int (*set_recording)(int recording, int* before);
  int (*invoke)(void* op, int inputs, Array* in, int* outputs, Array** out, const int** storage);
};

enum { AXES = 4, DIMS = 0, SHAPE = 1, DTYPE = SHAPE + AXES, DEVICE_TYPE, DEVICE_ID, FIELDS };

}  // namespace

// FIELDS integers for each array that is not null. An array of more than four axes has no shape in them.
extern "C" int gluon_bn_describe(const MXNet* mxnet, Array a, Array b, Array c, int* fields) {
  const Array arrays[] = {a, b, c};
  for (int i = 0; i < 3; ++i) {
    if (arrays[i] == nullptr) continue;
    int* to = fields + i * FIELDS;
    const int* shape = nullptr;
    if (mxnet->shape(arrays[i], to + DIMS, &shape) || mxnet->dtype(arrays[i], to + DTYPE)
        || mxnet->context(arrays[i], to + DEVICE_TYPE, to + DEVICE_ID))
      return -1;
    for (int axis = 0; axis < to[DIMS] && axis < AXES; ++axis) to[SHAPE + axis] = shape[axis];
  }
  return 0;
}

// Launches the graph `op` of a layer with C features. `results`: its output, the array (5, C) that it writes, and of
// that the rows with the new stored mean and variance. Without old ones (null) those rows stand in for them.
extern "C" int gluon_bn_launch(const MXNet* mxnet, void* op, Array X, Array gamma, Array beta, Array old_mean,
                               Array old_var, int C, int dtype, int device_type, int device_id, Array* results) {
  const uint32_t shape[] = {5, static_cast<uint32_t>(C)};
  if (mxnet->create(shape, 2, device_type, device_id, 0, dtype, &results[1])) return -1;
  int recording, ignored;
  mxnet->set_recording(0, &recording);  // a row taken while recording would be on the tape
  const int failed = mxnet->at(results[1], 2, &results[2]) || mxnet->at(results[1], 3, &results[3]);
  mxnet->set_recording(recording, &ignored);
  if (failed) return -1;
  Array in[] = {X, gamma, beta, old_mean ? old_mean : results[2], old_var ? old_var : results[3], results[1]};
  int outputs = 0;
  Array* out = nullptr;
  const int* storage = nullptr;
  if (mxnet->invoke(op, 6, in, &outputs, &out, &storage)) return -1;
  results[0] = out[0];
  return 0;
}
