// What MXNet calls when it loads this library, and the functions through which it calls operators, MXNet's `lib_api.cc`.
//
// One of these is replaced. MXNet's own allocates the list of the inputs that an operator writes, and nobody frees it:
// 32 bytes for each call of each operator, and, scattered among what is freed, heaps that can no longer be joined.
#define _opCallMutateInputs never_called
#include "mxnet/../../src/lib_api.cc"
#undef _opCallMutateInputs

#include "common.h"

// The list belongs to the thread that asked; MXNet copies it at once.
extern "C" int _opCallMutateInputs(mxnet::ext::mutateInputs_t mutate, const char* const* keys, const char* const* values,
                                   int number_of_keys, int** indices, int* number_of_indices) {
  static thread_local std::vector<int> list;
  Attributes attributes;
  for (int i = 0; i < number_of_keys; ++i) attributes[keys[i]] = values[i];
  list.clear();
  const int status = mutate(attributes, &list);
  *indices = list.data();
  *number_of_indices = static_cast<int>(list.size());
  return status;
}

MXReturnValue initialize(int version) { return version >= 10700 ? MX_SUCCESS : MX_FAIL; }
