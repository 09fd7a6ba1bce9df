// A batch that several processes share, each a shard of it: the ranks of a group (gluon_bn/parallel).
//
// Batch norm needs the statistics of the whole batch forward, and sums over all of it backward. There an operator stops,
// and calls Python with the numbers of its own shard, which come back as those of the batch. Everything else is the same.
#ifndef GLUON_BN_RANKS_H_
#define GLUON_BN_RANKS_H_
#include "common.h"

class Ranks {
 public:
  // The attribute `ranks` of an operator: Python's number of the layer; 0 or none for a batch that nobody shares.
  explicit Ranks(const Attributes& attributes) : layer_(static_cast<int>(number(attributes, "ranks"))) {}
  Ranks() : layer_(0) {}

  // The moments of each channel, of the shard before and of the whole batch afterwards; false if that was refused.
  // What others get is the sum of x + `bias`: they may have added it before.
  bool merge(std::vector<Moments>* moments, const float* bias = nullptr) const {
    if (layer_ == 0) return true;
    const size_t C = moments->size();
    std::vector<double> numbers(1 + 2 * C);  // n, sums, sums of squared deviations
    numbers[0] = moments->at(0).n;
    for (size_t c = 0; c < C; ++c) {
      numbers[1 + c] = moments->at(c).sum + (bias == nullptr ? 0 : numbers[0] * bias[c]);
      numbers[1 + C + c] = moments->at(c).m2;
    }
    if (!exchange(false, &numbers)) return false;
    for (size_t c = 0; c < C; ++c)
      moments->at(c) = Moments{numbers[0], numbers[1 + c] - (bias == nullptr ? 0 : numbers[0] * bias[c]),
                               numbers[1 + C + c]};
    return true;
  }

  // How many values a channel has, and the sums of g of all channels and then those of g x_hat: the same.
  bool add(double* n, std::vector<double>* sums) const {
    if (layer_ == 0) return true;
    std::vector<double> numbers(1, *n);
    numbers.insert(numbers.end(), sums->begin(), sums->end());
    if (!exchange(true, &numbers)) return false;
    *n = numbers[0];
    std::copy(numbers.begin() + 1, numbers.end(), sums->begin());
    return true;
  }

  static const char* refusal() { return "the numbers of this batch's other shards did not come"; }

 private:
  const int layer_;
  bool exchange(bool backward, std::vector<double>* numbers) const;
};
#endif  // GLUON_BN_RANKS_H_
