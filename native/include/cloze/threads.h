#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace cloze {

// Number of threads of a job, including the caller.
int64_t threads();

// Calls task(context, i) for i in [0, tasks), on the pool and on the caller; returns when all are done. Tasks are
// assigned to threads in no fixed order, so results must not depend on it. Runs inline if the pool is busy or inside a
// task. If a task throws, others may not be run, and the first exception is thrown.
void run(int64_t tasks, void (*task)(void* context, int64_t i), void* context);

// parallel(tasks, [&](int64_t task) { ... }): as run(). A task should take 20 us or more.
template <class F>
void parallel(int64_t tasks, F&& f) {
    using Body = std::remove_reference_t<F>;
    if (tasks <= 0) return;
    if (tasks == 1) return (void)f(int64_t{0});
    run(
        tasks, [](void* context, int64_t i) { (*static_cast<Body*>(context))(i); }, (void*)&f);
}

// Splits [0, n) into blocks of the given size: f(begin, end). The block size must not depend on threads().
template <class F>
void parallel_blocks(int64_t n, int64_t block, F&& f) {
    parallel((n + block - 1) / block, [&](int64_t task) {
        int64_t begin = task * block;
        f(begin, begin + block < n ? begin + block : n);
    });
}

// Scratch memory of the calling thread, kept and reused after the call: 2 MiB aligned, huge pages, not zeroed, grows.
// One buffer per slot; nested calls must use different slots. Throws std::bad_alloc if the system has no memory left.
enum class Slot : int { gemm_a, gemm_b, shared_b, attention, attention_2, row, weights, images, test, count };
float* scratch(Slot slot, size_t floats);

}  // namespace cloze
