// What Clang calls for OpenMP, in terms of what GCC calls: so a library that Clang compiled uses libgomp, as MXNet does.
//
// Two OpenMP libraries in a process would each keep threads of their own, which spin and take each other's cores. So
// Clang's code gets here the few functions of LLVM's library that it wants (interface: LLVM's openmp/runtime/src/kmp.h),
// and libgomp, which MXNet has loaded, does the work. A pragma that needs another function does not link.
#if defined(__clang__)
#include <dlfcn.h>

#include <cstdarg>
#include <cstdint>

namespace {
typedef void (*Region)(int32_t* thread, int32_t* bound, ...);
enum { STATIC = 34, MOST = 40 };  // the schedule (kmp_sch_static); how many variables a region may share

// Libgomp's functions. Where it is not loaded, regions run in one thread.
struct Gomp {
  void (*parallel)(void (*)(void*), void*, unsigned, unsigned);
  void (*barrier)();
  int (*thread)();
  int (*threads)();
  int (*most)();
  Gomp() : parallel(alone), barrier(nothing), thread(zero), threads(one), most(one) {
    void* library = dlopen("libgomp.so.1", RTLD_LAZY | RTLD_NOLOAD);
    if (!library) return;
    void* found[] = {dlsym(library, "GOMP_parallel"), dlsym(library, "GOMP_barrier"),
                     dlsym(library, "omp_get_thread_num"), dlsym(library, "omp_get_num_threads"),
                     dlsym(library, "omp_get_max_threads")};
    for (void* function : found) if (!function) return;
    parallel = reinterpret_cast<void (*)(void (*)(void*), void*, unsigned, unsigned)>(found[0]);
    barrier = reinterpret_cast<void (*)()>(found[1]);
    thread = reinterpret_cast<int (*)()>(found[2]);
    threads = reinterpret_cast<int (*)()>(found[3]);
    most = reinterpret_cast<int (*)()>(found[4]);
  }
  static void alone(void (*function)(void*), void* data, unsigned, unsigned) { function(data); }
  static void nothing() {}
  static int zero() { return 0; }
  static int one() { return 1; }
} const gomp;

struct Call {
  Region region;
  void* v[MOST];
};

// Clang passes each shared variable as an argument. A function may get more arguments than it takes: the caller
// removes them.
void run(void* data) {
  const Call& c = *static_cast<Call*>(data);
  int32_t thread = gomp.thread(), bound = 0;
  void* const* v = c.v;
#define EIGHT(i) v[i], v[i + 1], v[i + 2], v[i + 3], v[i + 4], v[i + 5], v[i + 6], v[i + 7]
  c.region(&thread, &bound, EIGHT(0), EIGHT(8), EIGHT(16), EIGHT(24), EIGHT(32));
#undef EIGHT
}

// The items that this thread has of `lower` to `upper`: as equal parts as can be, in order.
void part(int32_t schedule, int32_t* last, int64_t* lower, int64_t* upper, int64_t* stride, int64_t step) {
  if (schedule != STATIC || step != 1) __builtin_trap();  // these sources have no such loop
  const int64_t thread = gomp.thread(), threads = gomp.threads(), items = *upper - *lower + 1;
  const int64_t each = items / threads, more = items % threads;
  const int64_t begin = *lower + thread * each + (thread < more ? thread : more);
  *last = thread == threads - 1;
  *lower = begin;
  *upper = begin + each + (thread < more ? 1 : 0) - 1;
  *stride = items;
}
}  // namespace

extern "C" {
int omp_get_thread_num() { return gomp.thread(); }
int omp_get_num_threads() { return gomp.threads(); }
int omp_get_max_threads() { return gomp.most(); }

int32_t __kmpc_global_thread_num(void*) { return gomp.thread(); }
void __kmpc_barrier(void*, int32_t) { gomp.barrier(); }
void __kmpc_serialized_parallel(void*, int32_t) {}  // one thread: Clang calls the region itself
void __kmpc_end_serialized_parallel(void*, int32_t) {}
void __kmpc_for_static_fini(void*, int32_t) {}

void __kmpc_for_static_init_8(void*, int32_t, int32_t schedule, int32_t* last, int64_t* lower, int64_t* upper,
                              int64_t* stride, int64_t step, int64_t) {
  part(schedule, last, lower, upper, stride, step);
}

void __kmpc_for_static_init_8u(void*, int32_t, int32_t schedule, int32_t* last, uint64_t* lower, uint64_t* upper,
                               int64_t* stride, int64_t step, int64_t) {
  part(schedule, last, reinterpret_cast<int64_t*>(lower), reinterpret_cast<int64_t*>(upper), stride, step);
}

void __kmpc_fork_call(void*, int32_t number, Region region, ...) {
  if (number > MOST) __builtin_trap();
  Call call = {region, {}};
  va_list arguments;
  va_start(arguments, region);
  for (int32_t i = 0; i < number; ++i) call.v[i] = va_arg(arguments, void*);
  va_end(arguments);
  gomp.parallel(run, &call, 0, 0);
}
}
#endif
