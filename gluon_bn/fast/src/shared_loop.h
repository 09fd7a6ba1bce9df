// Loops whose items the threads of a team take one after the other: who is free takes the next.
//
// Python and MXNet's engine run beside the team, so a thread may lose its processor at any time. With OpenMP's loops the
// others then wait at the end of each loop, asleep, and have to be woken. Here they do the work of the one that is
// missing, and wait for items that are being done, not for threads. Items write to places of their own, so that it does
// not matter to the results who does them.
#ifndef GLUON_BN_SHARED_LOOP_H_
#define GLUON_BN_SHARED_LOOP_H_
#include <sched.h>

#include <atomic>
#include <cstddef>

class SharedLoop {
 public:
  // Called by every thread of the team; returns when all items are done. A loop runs once.
  template <typename F>
  void run(size_t items, const F& item) {
    size_t mine = 0;
    for (size_t i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < items; ++mine) item(i);
    done_.fetch_add(mine, std::memory_order_acq_rel);
    for (int turn = 0; done_.load(std::memory_order_acquire) < items; ++turn) {
      if (turn < 4096) pause();
      else sched_yield();
    }
  }

 private:
  std::atomic<size_t> next_{0}, done_{0};
  static void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
};
#endif  // GLUON_BN_SHARED_LOOP_H_
