// What both operators share: vectors of floats, MXNet's extension interface, and the reading of attributes.
#ifndef GLUON_BN_COMMON_H_
#define GLUON_BN_COMMON_H_
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>
#include <unordered_map>
#include <vector>

#include "mxnet/lib_api.h"

using mxnet::ext::MXReturnValue;
using mxnet::ext::MXTensor;
using mxnet::ext::MX_FAIL;
using mxnet::ext::MX_SUCCESS;
using mxnet::ext::OpResource;
typedef std::unordered_map<std::string, std::string> Attributes;
typedef std::vector<MXTensor> Tensors;
typedef std::vector<std::vector<unsigned int> > Shapes;

#if defined(__AVX512F__)
enum { VECTOR_BYTES = 64 };
#elif defined(__AVX__)
enum { VECTOR_BYTES = 32 };
#else
enum { VECTOR_BYTES = 16 };
#endif

// The widest vector of this processor; memory need not be aligned to it.
template <typename T>
struct Vector {
  typedef T type __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(T)), may_alias));
  enum { LANES = VECTOR_BYTES / sizeof(T) };
};

template <typename T>
inline typename Vector<T>::type load(const T* p) { return *reinterpret_cast<const typename Vector<T>::type*>(p); }

template <typename T>
inline void store(T* p, typename Vector<T>::type v) { *reinterpret_cast<typename Vector<T>::type*>(p) = v; }

template <typename T>
inline double sum_of_lanes(typename Vector<T>::type v) {
  double sum = 0;
  for (int i = 0; i < Vector<T>::LANES; ++i) sum += v[i];
  return sum;
}

// Mean and sum of squared deviations of a part of the data, and how to join two (Chan, Golub and LeVeque, 1979).
struct Moments {
  double n, mean, m2;
  void join(const Moments& other) {
    if (other.n == 0) return;
    const double total = n + other.n, delta = other.mean - mean;
    mean += delta * other.n / total;
    m2 += other.m2 + delta * delta * n * other.n / total;
    n = total;
  }
};

// What batch norm does to a channel: y = (x - mean) * scale + shift; the rounding error of `mean` is in the shift.
template <typename T>
struct Affine {
  T mean, scale, shift, rstd, rest;
  Affine() {}
  Affine(double exact_mean, double var, double gamma, double beta, double eps) {
    const double r = 1 / std::sqrt(var + eps);
    mean = exact_mean;
    scale = gamma * r;
    rstd = r;
    rest = (mean - exact_mean) * r;                      // (x - exact_mean) rstd = (x - mean) rstd + rest
    shift = beta + (mean - exact_mean) * gamma * r;
  }
};

inline double number(const Attributes& attributes, const char* key) {
  Attributes::const_iterator found = attributes.find(key);
  return found == attributes.end() ? 0 : std::atof(found->second.c_str());
}

// N inputs, one output.
template <int N>
MXReturnValue takes(const Attributes&, int* inputs, int* outputs) {
  *inputs = N;
  *outputs = 1;
  return MX_SUCCESS;
}

// All inputs and outputs have the type of the first input.
inline MXReturnValue same_types(const Attributes&, std::vector<int>* in, std::vector<int>* out) {
  for (size_t i = 1; i < in->size(); ++i) in->at(i) = in->at(0);
  for (size_t i = 0; i < out->size(); ++i) out->at(i) = in->at(0);
  return MX_SUCCESS;
}

// Whether the inputs `begin` to `end` are (size): kernels read them without another look.
inline bool are_vectors(const Shapes& in, int begin, int end, unsigned size) {
  for (int i = begin; i <= end; ++i)
    if (in[i] != std::vector<unsigned>(1, size)) {
      MX_ERROR_MSG << "input " << i << " of a batch norm of " << size << " channels must be (" << size << ",)";
      return false;
    }
  return true;
}
#endif  // GLUON_BN_COMMON_H_
