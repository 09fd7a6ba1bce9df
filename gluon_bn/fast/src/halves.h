// Sums over the examples of a batch that do not depend on how many ranks share it.
//
// UNIT examples are added up by themselves. The sums of the units are added by halves: that of the first half and that of
// the rest, each made the same way. When 2, 4 or 8 ranks have as many units each, a rank's sum is one of those halves,
// and `Group.sum(by_halves=True)` adds the ranks' likewise: the same additions, so the same bits.
#ifndef GLUON_BN_HALVES_H_
#define GLUON_BN_HALVES_H_
#include <algorithm>
#include <cstddef>

enum { UNIT = 8 };  // examples; EIGHT in parallel/group.py

inline size_t units_of(size_t examples) { return (examples + UNIT - 1) / UNIT; }

// to[0 .. width) = the sum by halves of `units` parts, the first of them number `first`, rounded to T each time.
// `part(u, to)` writes part u; `width` is at most MOST.
template <size_t MOST, typename T, typename F>
void sum_by_halves(size_t first, size_t units, size_t width, T* to, const F& part) {
  if (units == 1) return part(first, to);
  T rest[MOST];
  sum_by_halves<MOST>(first, units / 2, width, to, part);
  sum_by_halves<MOST>(first + units / 2, units - units / 2, width, rest, part);
  for (size_t i = 0; i < width; ++i) to[i] += rest[i];
}

// The same for parts that are there: to[i] = the sum over u of parts[u * stride + i].
template <typename T, typename Part>
void add_by_halves(const Part* parts, size_t stride, size_t units, size_t width, T* to) {
  enum { MOST = 64 };
  for (size_t i = 0; i < width; i += MOST) {
    const size_t some = std::min<size_t>(MOST, width - i);
    sum_by_halves<MOST>(0, units, some, to + i, [&](size_t u, T* part) { std::copy_n(parts + u * stride + i, some, part); });
  }
}
#endif  // GLUON_BN_HALVES_H_
