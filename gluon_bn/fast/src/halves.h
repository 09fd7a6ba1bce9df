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

// to[i] = the sum over u of parts[u * stride + i], by halves, rounded to T each time.
template <typename T, typename Part>
void add_by_halves(const Part* parts, size_t stride, size_t units, size_t width, T* to) {
  enum { TOGETHER = 64 };
  for (size_t i0 = 0; i0 < width; i0 += TOGETHER) {
    const size_t some = std::min<size_t>(TOGETHER, width - i0), first = units / 2;
    if (units == 1) {
      std::copy_n(parts + i0, some, to + i0);
      continue;
    }
    T rest[TOGETHER];
    add_by_halves(parts + i0, stride, first, some, to + i0);
    add_by_halves(parts + first * stride + i0, stride, units - first, some, rest);
    for (size_t i = 0; i < some; ++i) to[i0 + i] += rest[i];
  }
}
#endif  // GLUON_BN_HALVES_H_
