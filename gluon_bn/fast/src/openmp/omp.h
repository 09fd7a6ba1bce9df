// OpenMP's functions that these sources use, for a Clang that comes without the header (Zig's); kmpc.cc has them.
extern "C" {
int omp_get_thread_num();
int omp_get_num_threads();
int omp_get_max_threads();
}
