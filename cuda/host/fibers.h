#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "hopper.h"

// Runs a grid of CUDA threads on the host, one fiber a CUDA thread, block after block. What threads of a warp or of a
// block do together is a place where they wait for each other; which one runs next is decided by a seed, so that code
// that lacks a barrier fails under one seed or another. Bit 0 of the seed: a thread runs as far ahead as it can; bit 1:
// asynchronous copies land at once instead of when they are waited for; any seed but 0 shuffles warps and lanes.

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

namespace cloze::host {

struct Copy {
    void* to;
    const void* from;  // null: zeros
    int bytes, group;
};

enum class State : uint8_t { ready, warp, barrier, spinning, done };

struct Fiber {
    void* stack = nullptr;
    State state = State::ready;
    int barrier = 0;
    dim3 index;
    std::vector<Copy> copies;  // that have not landed
    int group = 0;
};

// What the lanes of a warp bring to an operation, and what they take from it.
struct Warp {
    uint32_t arrived = 0, mask = 0;
    int operation = 0;
    uint32_t in[32][12], out[32][4];
};

class Block {
  public:
    dim3 index, extent, grid;
    Hopper hopper{*this};

    // The block that runs on this thread of the host.
    static Block& current();

    const dim3& thread() const { return fibers_[size_t(current_)].index; }
    Fiber& fiber() { return fibers_[size_t(current_)]; }
    int number() const { return current_; }
    int lane() const { return current_ & 31; }
    unsigned char* shared() const { return shared_; }
    bool copies_land_at_once() const { return seed_ & 2; }

    // Waits for `count` threads (0: all that still run) at one of 16 barriers.
    void barrier(int which, int count);
    // ... or does not wait, but counts.
    void arrive(int which, int count);

    // The lanes of the mask bring words; the last one to come runs combine(warp) for all.
    template <class F>
    const uint32_t* exchange(int operation, uint32_t mask, const uint32_t* in, int words, F&& combine) {
        Warp& warp = arrive(operation, mask, in, words);
        if (warp.arrived == mask) {
            combine(warp);
            leave(warp);
        } else {
            wait(State::warp);
        }
        return warp.out[lane()];
    }

    // Another thread has to do something first; that one has moved, or has done it.
    void spin();
    void moved() { spins_ = 0; }
    void wake();

    [[noreturn]] void fail(const char* why);

    // Returns what went wrong, or an empty string.
    std::string run(dim3 grid, dim3 extent, size_t shared, unsigned seed, const std::function<void()>& body);

  private:
    Warp& arrive(int operation, uint32_t mask, const uint32_t* in, int words);
    void leave(Warp& warp);
    void wait(State state);
    void next();
    void release(int barrier);
    void start();
    void shuffle();
    unsigned random(unsigned below);
    static void main();

    std::vector<Fiber> fibers_;
    std::vector<Warp> warps_;
    std::vector<int> order_, place_;
    int count_ = 0, live_ = 0, current_ = 0, waiting_[16] = {};
    unsigned seed_ = 0, state_ = 0;
    uint64_t spins_ = 0;
    std::vector<unsigned char> memory_;
    unsigned char* shared_ = nullptr;
    size_t shared_bytes_ = 0;
    char* stacks_ = nullptr;
    size_t stack_count_ = 0;
    void* scheduler_ = nullptr;
    const std::function<void()>* body_ = nullptr;
    std::string fault_;
};

}  // namespace cloze::host
