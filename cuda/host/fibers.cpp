#include "fibers.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace cloze::host {
namespace {

// Not a power of two: 64 KiB strides would put every stack on the same sets of the caches.
constexpr size_t stack_bytes = (64 << 10) + 2112;

thread_local Block* running = nullptr;

// Saves the registers that a call keeps, and goes on with another stack.
__attribute__((naked, noinline)) void change_stack(void**, void*) {
    asm volatile(
        "push %rbp\n push %rbx\n push %r12\n push %r13\n push %r14\n push %r15\n mov %rsp, (%rdi)\n mov %rsi, %rsp\n"
        "pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbx\n pop %rbp\n ret\n");
}

// Frames on these stacks were left, not returned from: the sanitizer is not to take what lies there next for theirs.
void forget_frames([[maybe_unused]] char* stacks, [[maybe_unused]] size_t count) {
#if defined(__SANITIZE_ADDRESS__)
    __asan_unpoison_memory_region(stacks, count * stack_bytes);
#endif
}

}  // namespace

Block& Block::current() {
    return *running;
}

void Block::fail(const char* why) {
    char text[256];
    int count[5] = {};
    for (int i = 0; i < count_; i++) count[int(fibers_[size_t(i)].state)]++;
    std::snprintf(
        text, sizeof text,
        "%s; thread %d of block (%u, %u, %u); %d can run, %d wait in a warp, %d at a barrier, %d spin, %d done", why,
        current_, index.x, index.y, index.z, count[0], count[1], count[2], count[3], count[4]);
    fault_ = text;
    void* abandoned;
    change_stack(&abandoned, scheduler_);
    __builtin_unreachable();
}

// The present fiber waits or is done: another one goes on.
void Block::next() {
    int me = current_, place = place_[size_t(me)];
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 1; i <= count_; i++) {
            int at = seed_ & 1 ? i - 1 : (place + i) % count_, other = order_[size_t(at)];
            if (fibers_[size_t(other)].state != State::ready) continue;
            if (other == me) return;
            current_ = other;
            change_stack(&fibers_[size_t(me)].stack, fibers_[size_t(other)].stack);
            return;
        }
        bool spinning = false;
        for (int i = 0; i < count_; i++)
            if (fibers_[size_t(i)].state == State::spinning) fibers_[size_t(i)].state = State::ready, spinning = true;
        if (!spinning) break;
    }
    if (live_ > 0) fail("deadlock: a barrier or a warp operation that not all threads reach");
    void* abandoned;
    change_stack(&abandoned, scheduler_);
}

void Block::wait(State state) {
    fiber().state = state;
    next();
}

void Block::release(int barrier) {
    for (int i = 0; i < count_; i++) {
        Fiber& fiber = fibers_[size_t(i)];
        if (fiber.state == State::barrier && fiber.barrier == barrier) fiber.state = State::ready;
    }
    waiting_[barrier] = 0;
}

void Block::barrier(int which, int count) {
    spins_ = 0;
    if (++waiting_[which] >= (count ? count : live_)) return release(which);
    fiber().barrier = which;
    wait(State::barrier);
}

void Block::arrive(int which, int count) {
    spins_ = 0;
    if (++waiting_[which] >= count) release(which);
}

void Block::spin() {
    if (++spins_ > 2000 * uint64_t(count_)) fail("livelock: threads spin and nothing else moves");
    wait(State::spinning);
}

void Block::wake() {
    for (int i = 0; i < count_; i++)
        if (fibers_[size_t(i)].state == State::spinning) fibers_[size_t(i)].state = State::ready;
}

Warp& Block::arrive(int operation, uint32_t mask, const uint32_t* in, int words) {
    Warp& warp = warps_[size_t(current_ / 32)];
    spins_ = 0;
    if (!(mask >> lane() & 1)) fail("a lane calls a warp operation whose mask excludes it");
    if (warp.arrived == 0)
        warp.mask = mask, warp.operation = operation;
    else if (warp.operation != operation || warp.mask != mask)
        fail("lanes of one warp meet in different operations or masks");
    std::copy_n(in, words, warp.in[lane()]);
    warp.arrived |= 1u << lane();
    return warp;
}

void Block::leave(Warp& warp) {
    warp.arrived = 0;
    int first = current_ / 32 * 32;
    for (int i = 0; i < 32 && first + i < count_; i++)
        if (warp.mask >> i & 1) fibers_[size_t(first + i)].state = State::ready;
}

unsigned Block::random(unsigned below) {
    state_ = state_ * 1664525u + 1013904223u;
    return (state_ >> 8) % below;
}

// Warps in another order, and lanes inside each warp.
void Block::shuffle() {
    std::vector<int> warps((size_t(count_) + 31) / 32);
    std::iota(warps.begin(), warps.end(), 0);
    for (size_t i = warps.size(); i-- > 1;) std::swap(warps[i], warps[random(unsigned(i + 1))]);
    size_t at = 0;
    for (int warp : warps) {
        size_t first = at;
        for (int i = warp * 32; i < std::min(warp * 32 + 32, count_); i++) order_[at++] = i;
        for (size_t i = at - first; i-- > 1;) std::swap(order_[first + i], order_[first + random(unsigned(i + 1))]);
    }
    for (int i = 0; i < count_; i++) place_[size_t(order_[size_t(i)])] = i;
}

void Block::main() {
    (*running->body_)();
    Block& block = *running;
    block.hopper.leave();
    block.fiber().state = State::done;
    block.live_--;
    // Threads that have returned are not waited for.
    if (block.waiting_[0] && block.waiting_[0] >= block.live_) block.release(0);
    block.next();
    __builtin_unreachable();
}

void Block::start() {
    live_ = count_;
    std::fill(std::begin(waiting_), std::end(waiting_), 0);
    std::memset(shared_, 0xff, shared_bytes_);  // floats: not a number
    if (seed_) shuffle();
    forget_frames(stacks_, size_t(count_));
    for (int i = 0; i < count_; i++) {
        auto top = reinterpret_cast<void**>(stacks_ + (size_t(i) + 1) * stack_bytes);
        *--top = nullptr;
        *--top = reinterpret_cast<void*>(&Block::main);
        Fiber& fiber = fibers_[size_t(i)];
        fiber.stack = top - 6;
        fiber.state = State::ready;
        fiber.copies.clear();
        fiber.group = 0;
    }
    for (Warp& warp : warps_) warp.arrived = 0;
    hopper.reset(count_, shared_bytes_);
    current_ = order_[0];
    change_stack(&scheduler_, fibers_[size_t(current_)].stack);
}

std::string Block::run(dim3 blocks, dim3 threads, size_t shared, unsigned seed, const std::function<void()>& body) {
    grid = blocks, extent = threads, body_ = &body, seed_ = seed, state_ = seed;
    running = this;
    count_ = int(threads.x * threads.y * threads.z);
    auto n = size_t(count_);
    fibers_.resize(n), warps_.resize((n + 31) / 32), order_.resize(n), place_.resize(n);
    std::iota(order_.begin(), order_.end(), 0);
    std::iota(place_.begin(), place_.end(), 0);
    for (unsigned i = 0; i < n; i++)
        fibers_[i].index = dim3(i % threads.x, i / threads.x % threads.y, i / (threads.x * threads.y));
    if (stack_count_ < n) {  // kept from launch to launch: their pages are there already
        if (stacks_) forget_frames(stacks_, stack_count_), munmap(stacks_, stack_count_ * stack_bytes);
        stacks_ = static_cast<char*>(
            mmap(nullptr, n * stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
        if (stacks_ == MAP_FAILED) std::perror("cloze: no memory for the stacks of a block"), std::abort();
        stack_count_ = n;
    }
    memory_.resize(shared + 1024);
    shared_ = reinterpret_cast<unsigned char*>((reinterpret_cast<uintptr_t>(memory_.data()) + 1023) & ~uintptr_t{1023});
    shared_bytes_ = shared;
    fault_.clear();
    for (unsigned z = 0; z < blocks.z; z++)
        for (unsigned y = 0; y < blocks.y; y++)
            for (unsigned x = 0; x < blocks.x && fault_.empty(); x++) index = dim3(x, y, z), start();
    return fault_;
}

}  // namespace cloze::host
