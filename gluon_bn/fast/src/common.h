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
inline double sum_of_lanes(typename Vector<T>::type v, int begin = 0, int end = Vector<T>::LANES) {
  double sum = 0;
  for (int i = begin; i < end; ++i) sum += v[i];
  return sum;
}

// Number, sum and sum of squared deviations of a part of the data, and how to join two (Chan, Golub and LeVeque, 1979).
// The sum stands for the mean: sums of floats are mostly exact in double precision, in whichever order they are added.
struct Moments {
  double n, sum, m2;
  double mean() const { return sum / n; }
  double var() const { return m2 / n; }
  void join(const Moments& other) {
    if (other.n == 0) return;
    if (n != 0) {
      const double delta = other.mean() - mean();
      m2 += delta * delta * n * other.n / (n + other.n);
    }
    m2 += other.m2;
    sum += other.sum;
    n += other.n;
  }
};

// `x`, or 0 where rounding has made it negative. NaN stays NaN; std::max(0.0, x) would make it 0.
inline double not_negative(double x) { return x < 0 ? 0 : x; }

// Below these, one thread is quicker than two: values that are read a few times, and products that are added up.
enum { VALUES_FOR_ONE_THREAD = 1 << 14, PRODUCTS_FOR_ONE_THREAD = 1 << 18 };

// `x`, which is to be added to numbers of type A and of this `size`, without the digits that none of them can show: in
// float32 those below size / 2^28. They would hand on how `x` was rounded, and so in which order it had been added up.
template <typename A>
inline double of_this_precision(double x, double size) {
  if (sizeof(A) != sizeof(float)) return x;
  const double large = size * (1 << 24);  // what follows its 53 digits is gone in the sum
  return (x + large) - large;
}

// What batch norm does to a channel, with a number for each letter or a vector of neighbouring channels' numbers:
// y = (x - mean) scale + shift, scale = gamma rstd, x_hat = (x - mean) rstd + rest. Rounding the exact mean to `mean`
// would be an error in y and x_hat; it is in shift and rest.
template <typename A>
struct Affine {
  A mean, scale, shift, rstd, rest;
  Affine() {}
  Affine(double exact_mean, double var, double gamma, double beta, double eps) {
    const double r = 1 / std::sqrt(var + eps);
    mean = exact_mean;
    scale = gamma * r;
    rstd = r;
    const double lost = of_this_precision<A>((mean - exact_mean) * r, std::sqrt(var) * r);
    rest = lost;
    shift = beta + lost * gamma;
  }
  template <typename X> X y(X x) const { return (x - mean) * scale + shift; }
  template <typename X> X x_hat(X x) const { return (x - mean) * rstd + rest; }
  // dx = scale (g - mean_g - x_hat mean_gx), with the means of g and of g x_hat: the closed form of the backward pass.
  template <typename X> X dx(X x, X g, A mean_g, A mean_gx) const { return (g - mean_g - x_hat(x) * mean_gx) * scale; }
};

// The stored statistics before a batch, null before the first one.
template <typename T>
struct Stored {
  const T *mean, *var;
  double momentum;
  // Afterwards: the batch's own if there is nothing old, else the weighted averages.
  void update(size_t c, double batch_mean, double batch_var, T* new_mean, T* new_var) const {
    new_mean[c] = mean == nullptr ? batch_mean : momentum * mean[c] + (1 - momentum) * batch_mean;
    new_var[c] = var == nullptr ? batch_var : momentum * var[c] + (1 - momentum) * batch_var;
  }
};

// Those among an operator's inputs: number `mean`, and the variances after it. Of the first batch they are not read.
template <typename T>
Stored<T> stored_of(Tensors& in, size_t mean, bool first, double momentum) {
  return {first ? nullptr : in[mean].data<T>(), first ? nullptr : in[mean + 1].data<T>(), momentum};
}

// The rows of an operator's statistics, (5, C). `rest` is what `mean` has lost in rounding.
template <typename T>
struct Rows {
  T *mean, *var, *new_mean, *new_var, *rest;
  Rows(T* all, size_t C) : mean(all), var(all + C), new_mean(all + 2 * C), new_var(all + 3 * C), rest(all + 4 * C) {}
  void set(size_t c, double exact_mean, double exact_var) {
    mean[c] = exact_mean;
    rest[c] = exact_mean - mean[c];
    var[c] = exact_var;
  }
  Affine<T> affine(size_t c, double gamma, double beta, double eps) const {
    return Affine<T>(static_cast<double>(mean[c]) + rest[c], var[c], gamma, beta, eps);
  }
};

// ---- checks: all of them are made before a kernel touches memory ----

inline MXReturnValue refuse(const std::string& why) { MX_ERROR_MSG << why; return MX_FAIL; }

inline std::string name_of(const std::vector<unsigned>& shape) {
  std::ostringstream text;
  text.imbue(std::locale::classic());
  for (size_t i = 0; i < shape.size(); ++i) text << (i ? ", " : "(") << shape[i];
  return text.str() + (shape.size() == 1 ? ",)" : ")");
}

// Whether input `i` has this shape. Kernels take it for granted then.
inline bool has_shape(const Shapes& in, size_t i, const std::vector<unsigned>& expected, const char* name) {
  if (in[i] == expected) return true;
  refuse(std::string(name) + " has shape " + name_of(in[i]) + "; expected " + name_of(expected));
  return false;
}
inline bool has_axes(const Shapes& in, size_t i, size_t axes, const char* name) {
  if (in[i].size() == axes && std::count(in[i].begin(), in[i].end(), 0u) == 0) return true;
  refuse(std::string(name) + " has shape " + name_of(in[i]) + "; expected " + std::to_string(axes)
         + " axes, none of length 0");
  return false;
}

// Counts of values in 64 bits; what does not fit is the largest number.
inline uint64_t sum(uint64_t a, uint64_t b) { return a + b < a ? UINT64_MAX : a + b; }
inline uint64_t product() { return 1; }
template <typename... Factors>
uint64_t product(uint64_t first, Factors... others) {
  const uint64_t rest = product(others...);
  return rest != 0 && first > UINT64_MAX / rest ? UINT64_MAX : first * rest;
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
    if (each->first.compare(0, 2, "__") != 0 && !parse_number(each->second, &value)) {
      refuse(each->first + " is " + each->second + "; expected a finite number");
      return false;
    }
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
  if (type != mxnet::ext::kFloat32 && !(double_too && type == mxnet::ext::kFloat64))
    return refuse(std::string("the first input has another type than float32") + (double_too ? " and float64" : ""));
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
