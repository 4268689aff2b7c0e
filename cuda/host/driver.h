#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fibers.h"

// What the parts of the stand-in driver share.

namespace cloze::host {

enum Result : int {
    success = 0,
    invalid_value = 1,
    out_of_memory = 2,
    invalid_device = 101,
    invalid_image = 200,
    invalid_context = 201,
    file_not_found = 301,
    not_found = 500,
    not_ready = 600,
    illegal_address = 700,
    launch_failed = 719,
    capture_unsupported = 900,
    capture_invalidated = 901
};

using Pointer = uint64_t;
using Run = void(void** arguments, const dim3* grid, const dim3* block, size_t shared, unsigned seed,
                 std::string* fault);

// What programs ask for and give back: streams, events, modules, graphs. Counted, so that a test sees what is left.
struct Held {
    static inline std::atomic<int> count = 0;
    Held() { count++; }
    Held(const Held&) { count++; }
    ~Held() { count--; }
};

// A GPU, and its context.
struct Device {
    int ordinal;
    size_t used = 0;      // bytes
    int fault = success;  // that a kernel has broken the context with
};
extern Device device[2];
extern thread_local Device* context;  // of this thread, or null

struct Function {
    Run* run;
    std::string name;
    std::vector<int> sizes;  // bytes of the parameters
    size_t most_shared = 48 << 10;
};

// A launch with its arguments, as they were when it was asked for.
struct Launch {
    Function* function = nullptr;
    dim3 grid, block;
    size_t shared = 0;
    std::vector<std::string> values;  // the bytes of each

    Launch() = default;
    Launch(Function* function, dim3 grid, dim3 block, size_t shared, void** arguments);

    bool valid() const;
    int operator()() const;
};

extern std::atomic<unsigned> seed;
extern std::atomic<uint64_t> launches, graph_launches;
extern std::atomic<bool> idle;
extern std::atomic<int> failing;

// What a test wants a function to answer, else success, see cloze_host_answer().
int answer(const std::string& function);

// How much is held: blocks of memory too.
int held();

// Whether so many bytes belong to one allocation.
bool inside(Pointer p, size_t bytes);

// Asks a stream for work; a stream that captures adds it to its graph instead.
int enqueue(void* stream, std::function<int()> work);
int enqueue(void* stream, const Launch& launch);

// What a kernel has broken this thread's context with, or success.
int broken();

// Waits for all streams of a device. Gives what its context is broken with.
int drain(Device* device);

}  // namespace cloze::host
