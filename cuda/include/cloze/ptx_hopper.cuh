#pragma once

#include "cloze/ptx.cuh"

// Instructions that only compute capability 9.0 has (sm_90a), each with its meaning on the host: barriers in shared
// memory, TMA copies of boxes of tensors, matrix multiplication by warpgroups. A warpgroup is four neighbouring warps,
// the first of them a multiple of four.

#if defined(__CUDACC__)
#define CLOZE_TILES(name) extern __shared__ __align__(1024) unsigned char name[]
#else
#define CLOZE_TILES(name) CLOZE_SHARED(name)
#endif

// A kernel whose blocks of so many threads have a multiprocessor each.
#define CLOZE_LONE_KERNEL(threads, name, ...)                                               \
    extern "C" __global__ void __launch_bounds__(threads, 1) CLOZE_NAME(name)(__VA_ARGS__); \
    CLOZE_EXPORT_NAME(CLOZE_NAME(name))                                                     \
    extern "C" __global__ void __launch_bounds__(threads, 1) CLOZE_NAME(name)(__VA_ARGS__)

namespace cloze {

// A tensor map: address and shape of a tensor and the shape of its boxes; the driver encodes it.
#if defined(__CUDACC__)
struct __align__(64) TensorMap {
    uint64_t words[16];
};
#else
using host::TensorMap;
#endif

CLOZE_DEVICE uint32_t shared_address(const void* p) {
#if defined(__CUDACC__)
    return uint32_t(__cvta_generic_to_shared(p));
#else
    return uint32_t(static_cast<const unsigned char*>(p) - host::Block::current().shared());
#endif
}

// Tiles are swizzled by their addresses, so they must begin where the pattern begins; else results are wrong without an
// error.
CLOZE_DEVICE void check_tiles(const unsigned char* memory) {
    if (shared_address(memory) % 1024 == 0) return;
#if defined(__CUDACC__)
    __trap();
#else
    host::Block::current().fail("tiles do not begin at a multiple of 1024 bytes");
#endif
}

// ---- barriers

// A barrier in shared memory. A phase ends when so many threads have arrived and as many bytes as they expect; then the
// next one begins. Phases count 0, 1, 0, 1.
struct Barrier {
    uint64_t state;

    CLOZE_DEVICE void start(int threads) {
#if defined(__CUDACC__)
        asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(this)), "r"(threads) : "memory");
#else
        host::Block::current().hopper.start(&state, threads);
#endif
    }
    CLOZE_DEVICE void arrive() {
#if defined(__CUDACC__)
        asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(this)) : "memory");
#else
        host::Block::current().hopper.arrive(&state, 0);
#endif
    }
    CLOZE_DEVICE void arrive_expecting(int bytes) {
#if defined(__CUDACC__)
        asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(this)), "r"(bytes)
                     : "memory");
#else
        host::Block::current().hopper.arrive(&state, bytes);
#endif
    }
    // Waits until the phase has ended; before the first one, phase 1 counts as ended.
    CLOZE_DEVICE void wait(int phase) {
#if defined(__CUDACC__)
        uint32_t ended;
        do {
            asm volatile(
                "{\n.reg .pred p;\nmbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\nselp.u32 %0, 1, 0, p;\n}"
                : "=r"(ended)
                : "r"(shared_address(this)), "r"(phase)
                : "memory");
        } while (!ended);
#else
        host::Block::current().hopper.wait(&state, phase);
#endif
    }
};

// Makes initialised barriers visible to copies; a barrier of the block must follow.
CLOZE_DEVICE void publish_barriers() {
#if defined(__CUDACC__)
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
#endif
}

// One of the 15 named barriers, for so many threads in all, some of which arrive without waiting.
CLOZE_DEVICE void meet(int which, int threads) {
#if defined(__CUDACC__)
    asm volatile("bar.sync %0, %1;" ::"r"(which), "r"(threads) : "memory");
#else
    host::Block::current().barrier(which, threads);
#endif
}
CLOZE_DEVICE void pass(int which, int threads) {
#if defined(__CUDACC__)
    asm volatile("bar.arrive %0, %1;" ::"r"(which), "r"(threads) : "memory");
#else
    host::Block::current().arrive(which, threads);
#endif
}

// ---- copies

// Copies the box of a tensor [planes, rows, columns] that begins there to shared memory, with zeros outside of the
// tensor. The barrier counts its bytes. Called by one thread.
CLOZE_DEVICE void copy_box(void* to, const TensorMap& map, int column, int row, int plane, Barrier& there) {
#if defined(__CUDACC__)
    asm volatile(
        "cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5}], "
        "[%2];" ::"r"(shared_address(to)),
        "l"(&map), "r"(shared_address(&there)), "r"(column), "r"(row), "r"(plane)
        : "memory");
#else
    host::Block::current().hopper.copy(map, to, column, row, plane, &there.state);
#endif
}

// ---- registers of a warpgroup

template <int count>
CLOZE_DEVICE void keep_registers() {
    static_assert(count % 8 == 0 && count >= 24 && count <= 256);
#if defined(__CUDACC__)
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(count));
#endif
}
template <int count>
CLOZE_DEVICE void take_registers() {
    static_assert(count % 8 == 0 && count >= 24 && count <= 256);
#if defined(__CUDACC__)
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(count));
#endif
}

// ---- matrix multiplication by a warpgroup

// A matrix in shared memory, lines of 64 bf16 in swizzles of 128 bytes, eight lines in 1024 bytes. panel: bytes from 64
// columns to the next, if the multiplication takes columns and not lines.
CLOZE_DEVICE uint64_t matrix(const void* first, int panel) {
    return uint64_t((shared_address(first) & 0x3ffff) >> 4) | uint64_t(panel >> 4) << 16 | uint64_t{1024 >> 4} << 32 |
           uint64_t{1} << 62;
}

template <int k>
CLOZE_DEVICE void pin(float (&d)[k]) {
#if defined(__CUDACC__)
#pragma unroll
    for (int i = 0; i < k; i++) asm volatile("" : "+f"(d[i])::"memory");
#else
    (void)d;
#endif
}
template <int k>
CLOZE_DEVICE void pin(uint32_t (&a)[k][4]) {
#if defined(__CUDACC__)
#pragma unroll
    for (int i = 0; i < 4 * k; i++) asm volatile("" : "+r"(a[i / 4][i % 4])::"memory");
#else
    (void)a;
#endif
}

// Needed before multiplications that read or write registers which other instructions have written.
template <class... D>
CLOZE_DEVICE void begin_products(D&... d) {
    (pin(d), ...);
#if defined(__CUDACC__)
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#else
    host::Block::current().hopper.fence();
#endif
}

// The multiplications since the last call are a group.
CLOZE_DEVICE void commit_products() {
#if defined(__CUDACC__)
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
#else
    host::Block::current().hopper.commit();
#endif
}

// Waits for all but the newest groups; d are sums that are read next.
template <int newest, class... D>
CLOZE_DEVICE void wait_products(D&... d) {
#if defined(__CUDACC__)
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(newest) : "memory");
#else
    host::Block::current().hopper.wait_products(newest);
#endif
    (pin(d), ...);
}

// multiply: d [64, n] = a [64, 16] b [16, n], added to d if `add`. bf16 with f32 sums. Warp w of the warpgroup has
// the rows 16 w to 16 w + 15; of these lane l holds l / 4 and l / 4 + 8, in d at the columns 8 j + 2 (l % 4) and that +
// 1, four numbers a j. a is a matrix whose lines are rows, and b one whose lines are columns; or a is in registers, in
// the layout of a rounded and packed d, and b is a matrix whose lines are its rows.
#if defined(__CUDACC__)

#define CLOZE_SUMS_4(d, i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define CLOZE_SUMS_16(d, i) CLOZE_SUMS_4(d, i), CLOZE_SUMS_4(d, i + 4), CLOZE_SUMS_4(d, i + 8), CLOZE_SUMS_4(d, i + 12)
#define CLOZE_SUMS_32(d, i) CLOZE_SUMS_16(d, i), CLOZE_SUMS_16(d, i + 16)
#define CLOZE_NAMES_32                                                                                                \
    "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%" \
    "30,"                                                                                                             \
    "%31"
#define CLOZE_NAMES_64                                                                                              \
    CLOZE_NAMES_32                                                                                                  \
    ",%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58," \
    "%59,%60,%61,%62,%63"

CLOZE_DEVICE void multiply(float (&d)[32], uint64_t a, uint64_t b, bool add) {
    asm volatile(
        "{\n.reg .pred p;\nsetp.ne.b32 p, %34, 0;\n"
        "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {" CLOZE_NAMES_32 "}, %32, %33, p, 1, 1, 0, 0;\n}"
        : CLOZE_SUMS_32(d, 0)
        : "l"(a), "l"(b), "r"(int(add)));
}
CLOZE_DEVICE void multiply(float (&d)[64], uint64_t a, uint64_t b, bool add) {
    asm volatile(
        "{\n.reg .pred p;\nsetp.ne.b32 p, %66, 0;\n"
        "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {" CLOZE_NAMES_64 "}, %64, %65, p, 1, 1, 0, 0;\n}"
        : CLOZE_SUMS_32(d, 0), CLOZE_SUMS_32(d, 32)
        : "l"(a), "l"(b), "r"(int(add)));
}
CLOZE_DEVICE void multiply(float (&d)[32], const uint32_t (&a)[4], uint64_t b, bool add) {
    asm volatile(
        "{\n.reg .pred p;\nsetp.ne.b32 p, %37, 0;\n"
        "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {" CLOZE_NAMES_32
        "}, {%32,%33,%34,%35}, %36, p, 1, 1, 1;\n}"
        : CLOZE_SUMS_32(d, 0)
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(int(add)));
}
CLOZE_DEVICE void multiply(float (&d)[64], const uint32_t (&a)[4], uint64_t b, bool add) {
    asm volatile(
        "{\n.reg .pred p;\nsetp.ne.b32 p, %69, 0;\n"
        "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {" CLOZE_NAMES_64
        "}, {%64,%65,%66,%67}, %68, p, 1, 1, 1;\n}"
        : CLOZE_SUMS_32(d, 0), CLOZE_SUMS_32(d, 32)
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(int(add)));
}

#else

template <int k>
inline void multiply(float (&d)[k], uint64_t a, uint64_t b, bool add) {
    host::Block::current().hopper.multiply({d, 2 * k, add, false, {}, a, b});
}
template <int k>
inline void multiply(float (&d)[k], const uint32_t (&a)[4], uint64_t b, bool add) {
    host::Block::current().hopper.multiply({d, 2 * k, add, true, {a[0], a[1], a[2], a[3]}, 0, b});
}

#endif

}  // namespace cloze
