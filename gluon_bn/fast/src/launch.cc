// Calls from Python in place of two dozen: what arrays are, and the launch of a small layer.
//
// They do nothing that Python could not do through MXNet's C interface, and use that same interface; but Python needs
// microseconds for each call of it, several where MXNet has just had the caches, and a small layer is computed in ten.
// The functions come as pointers, so that nothing is linked against MXNet. Which ones in which order, and how arrays are
// described, launch.py asks this library.
#include <cstdint>
#include <cstring>
#include <condition_variable>
#include <mutex>
#include <vector>

namespace {

typedef void* Array;

#define MXNET_FUNCTIONS(each)                                                                                   \
  each(MXNDArrayGetShapeEx, shape, (Array, int* dims, const int** shape))                                       \
  each(MXNDArrayGetDType, dtype, (Array, int* dtype))                                                           \
  each(MXNDArrayGetContext, context, (Array, int* device_type, int* device_id))                                 \
  each(MXNDArrayAt, at, (Array, uint32_t row, Array* out))                                                      \
  each(MXNDArrayFree, free, (Array))                                                                            \
  each(MXNDArrayGetGrad, gradient, (Array, Array* out))                                                         \
  each(MXAutogradSetIsRecording, set_recording, (int recording, int* before))                                   \
  each(MXInvokeCachedOpEx, invoke, (void* op, int inputs, Array* in, int* outputs, Array** out, const int** storage))

#define POINTER(name, member, arguments) int (*member) arguments;
#define NAME(name, member, arguments) #name " "
struct MXNet { MXNET_FUNCTIONS(POINTER) };

enum { AXES = 4, DIMS = 0, SHAPE = 1, DTYPE = SHAPE + AXES, DEVICE_TYPE, DEVICE_ID, FIELDS };
enum { X_, GAMMA, BETA, OLD_MEAN, OLD_VAR, ARRAYS };

int describe(const MXNet* mxnet, Array array, int* to) {
  const int* shape = nullptr;
  if (mxnet->shape(array, to + DIMS, &shape) || mxnet->dtype(array, to + DTYPE)
      || mxnet->context(array, to + DEVICE_TYPE, to + DEVICE_ID))
    return -1;
  for (int axis = 0; axis < to[DIMS] && axis < AXES; ++axis) to[SHAPE + axis] = shape[axis];
  return 0;
}

// What a call has to be like for a graph: its arrays, in shape, type and context, which of the first three have a
// gradient attached, and the layer's two numbers. Compared byte by byte.
struct Call {
  double momentum, eps;
  int fields[ARRAYS][FIELDS], leaf[3], padding;

  int of(const MXNet* mxnet, const Array* arrays, double momentum_, double eps_) {
    std::memset(this, 0, sizeof(*this));
    momentum = momentum_;
    eps = eps_;
    for (int i = 0; i < ARRAYS; ++i)
      if (arrays[i] != nullptr && describe(mxnet, arrays[i], fields[i])) return -1;
    for (int i = 0; i < 3; ++i) {
      Array gradient = nullptr;
      if (mxnet->gradient(arrays[i], &gradient)) return -1;
      leaf[i] = gradient != nullptr;
      if (gradient != nullptr) mxnet->free(gradient);
    }
    return 0;
  }
};

struct Known { Call call; void *layer, *statistics; };  // the two graphs
std::vector<Known> known;  // a network has a few kinds of small layers
std::mutex lock;
int running = 0;  // launches of known graphs, in any thread
std::condition_variable none_is_running;

// Once a graph is found it is running until `finished`: Python frees no graph before `gluon_bn_forget` has returned.
bool find(const Call& call, Known* found) {
  std::lock_guard<std::mutex> held(lock);
  for (const Known& each : known)
    if (std::memcmp(&each.call, &call, sizeof(Call)) == 0) {
      *found = each;
      ++running;
      return true;
    }
  return false;
}

void finished() {
  std::lock_guard<std::mutex> held(lock);
  if (--running == 0) none_is_running.notify_all();
}

// Runs the graphs. `old_mean` and `old_var` may be null.
int run(const MXNet* mxnet, const Known& graphs, const Array* arrays, Array* results) {
  Array layer_in[] = {arrays[X_], arrays[GAMMA], arrays[BETA]}, *out = nullptr;
  Array statistics_in[] = {arrays[X_], arrays[OLD_MEAN], arrays[OLD_VAR]};
  int recording, ignored, outputs = 0;
  const int* storage = nullptr;
  if (mxnet->invoke(graphs.layer, 3, layer_in, &outputs, &out, &storage)) return -1;
  results[0] = out[0];
  mxnet->set_recording(0, &recording);
  outputs = 0;
  out = nullptr;
  int failed = mxnet->invoke(graphs.statistics, arrays[OLD_MEAN] ? 3 : 1, statistics_in, &outputs, &out, &storage);
  if (!failed) results[1] = out[0];
  failed = failed || mxnet->at(results[1], 2, &results[2]) || mxnet->at(results[1], 3, &results[3]);
  mxnet->set_recording(recording, &ignored);
  return failed ? -1 : 0;
}

enum { UNKNOWN = 1 };

}  // namespace

// What launch.py has to know: the names of the functions in their order, and how many axes a description has room for.
extern "C" const char* gluon_bn_functions() { return MXNET_FUNCTIONS(NAME); }
extern "C" int gluon_bn_axes() { return AXES; }

// FIELDS integers for each array that is not null. An array of more than four axes has no shape in them.
extern "C" int gluon_bn_describe(const MXNet* mxnet, Array a, Array b, Array c, int* fields) {
  const Array arrays[] = {a, b, c};
  for (int i = 0; i < 3; ++i)
    if (arrays[i] != nullptr && describe(mxnet, arrays[i], fields + i * FIELDS)) return -1;
  return 0;
}

// From now on, calls like this one are launched with these graphs. The old mean and variance may be null in both.
extern "C" int gluon_bn_remember(const MXNet* mxnet, Array X, Array gamma, Array beta, Array old_mean, Array old_var,
                                 double momentum, double eps, void* layer, void* statistics) {
  const Array arrays[ARRAYS] = {X, gamma, beta, old_mean, old_var};
  Known one;
  if (one.call.of(mxnet, arrays, momentum, eps)) return -1;
  one.layer = layer;
  one.statistics = statistics;
  std::lock_guard<std::mutex> held(lock);
  known.push_back(one);
  return 0;
}

// No graph is known any more, and when this returns none is running.
extern "C" void gluon_bn_forget() {
  std::unique_lock<std::mutex> held(lock);
  known.clear();
  none_is_running.wait(held, [] { return running == 0; });
}

// Launches the graphs of a call like this one, or is UNKNOWN. `results`: the output, the statistics (4, C), and of these
// the rows with the new stored mean and variance. Only the first is on the autograd tape.
extern "C" int gluon_bn_launch(const MXNet* mxnet, Array X, Array gamma, Array beta, Array old_mean, Array old_var,
                               double momentum, double eps, Array* results) {
  const Array arrays[ARRAYS] = {X, gamma, beta, old_mean, old_var};
  Call call;
  Known found;
  if (call.of(mxnet, arrays, momentum, eps)) return -1;
  if (!find(call, &found)) return UNKNOWN;
  const int status = run(mxnet, found, arrays, results);
  finished();
  return status;
}
