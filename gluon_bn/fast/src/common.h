// What the operators share: MXNet's extension interface, checks, attributes, vectors of floats, batch norm's formulas.
#ifndef GLUON_BN_COMMON_H_
#define GLUON_BN_COMMON_H_
#include <locale.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <sstream>
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

// `x`, or 0 where rounding has made it negative. NaN stays NaN; std::max(0.0, x) would make it 0.
inline double not_negative(double x) { return x < 0 ? 0 : x; }

// The stored statistic after a batch: the batch's own if there is nothing old (null), else the weighted average.
template <typename T>
inline double averaged(const T* old, size_t c, double momentum, double batch) {
  return old == nullptr ? batch : momentum * old[c] + (1 - momentum) * batch;
}

// dx = gamma rstd (g - mean(g) - x_hat mean(g x_hat)), the closed form of batch norm's backward, for values or vectors.
template <typename A, typename B>
inline A batch_norm_gradient(A g, A x_hat, B scale, B mean_g, B mean_gx) { return (g - mean_g - x_hat * mean_gx) * scale; }

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

// ---- checks: all of them are made before a kernel touches memory ----

inline bool refuse(const std::string& why) { MX_ERROR_MSG << why; return false; }

inline std::string name_of(const std::vector<unsigned>& shape) {
  std::ostringstream text;
  text.imbue(std::locale::classic());
  for (size_t i = 0; i < shape.size(); ++i) text << (i ? ", " : "(") << shape[i];
  return text.str() + (shape.size() == 1 ? ",)" : ")");
}

// Whether input `i` has this shape. Kernels take it for granted then.
inline bool has_shape(const Shapes& in, size_t i, const std::vector<unsigned>& expected, const char* name) {
  return in[i] == expected || refuse(std::string(name) + " has shape " + name_of(in[i]) + "; expected " + name_of(expected));
}
inline bool has_axes(const Shapes& in, size_t i, size_t axes, const char* name) {
  if (in[i].size() != axes || std::count(in[i].begin(), in[i].end(), 0u) > 0)
    return refuse(std::string(name) + " has shape " + name_of(in[i]) + "; expected " + std::to_string(axes)
                  + " axes, none of length 0");
  return true;
}

// Attributes are text. Whatever the process's locale, a number is written as Python does: with a point.
inline bool parse_number(const std::string& text, double* value) {
  static const locale_t c_locale = newlocale(LC_ALL_MASK, "C", static_cast<locale_t>(0));
  char* end = nullptr;
  *value = strtod_l(text.c_str(), &end, c_locale);
  return !text.empty() && *end == '\0' && std::isfinite(*value);
}
inline double number(const Attributes& attributes, const char* key) {
  Attributes::const_iterator found = attributes.find(key);
  double value = 0;
  if (found != attributes.end()) parse_number(found->second, &value);
  return value;
}
// Whether `number` reads every attribute right. MXNet's own, which begin with two underscores, may be any text.
inline bool are_numbers(const Attributes& attributes) {
  double value;
  for (Attributes::const_iterator each = attributes.begin(); each != attributes.end(); ++each)
    if (each->first.compare(0, 2, "__") != 0 && !parse_number(each->second, &value))
      return refuse(each->first + " is " + each->second + "; expected a finite number");
  return true;
}

// So many inputs, one output, and attributes that are numbers.
inline MXReturnValue takes(const Attributes& attributes, int number_of_inputs, int* inputs, int* outputs) {
  *inputs = number_of_inputs;
  *outputs = 1;
  return are_numbers(attributes) ? MX_SUCCESS : MX_FAIL;
}
template <int N>
MXReturnValue takes(const Attributes& attributes, int* inputs, int* outputs) { return takes(attributes, N, inputs, outputs); }

// All inputs and outputs have the type of the first input: float32, or float64 where an operator has both.
inline MXReturnValue one_type(std::vector<int>* in, std::vector<int>* out, bool double_too) {
  const int type = in->at(0);
  if (type != mxnet::ext::kFloat32 && !(double_too && type == mxnet::ext::kFloat64)) {
    refuse(std::string("the first input has another type than float32") + (double_too ? " and float64" : ""));
    return MX_FAIL;
  }
  std::fill(in->begin(), in->end(), type);  // MXNet refuses an array of another type
  std::fill(out->begin(), out->end(), type);
  return MX_SUCCESS;
}
inline MXReturnValue float32_alone(const Attributes&, std::vector<int>* in, std::vector<int>* out) {
  return one_type(in, out, false);
}
inline MXReturnValue float32_or_64(const Attributes&, std::vector<int>* in, std::vector<int>* out) {
  return one_type(in, out, true);
}

// An operator's forward or backward from a kernel for each type.
typedef MXReturnValue (*Kernel)(const Attributes&, Tensors&, Tensors&);
template <Kernel of_float, Kernel of_double>
MXReturnValue by_dtype(const Attributes& attributes, Tensors* in, Tensors* out, const OpResource&) {
  return (in->at(0).dtype == mxnet::ext::kFloat64 ? of_double : of_float)(attributes, *in, *out);
}
#endif  // GLUON_BN_COMMON_H_
