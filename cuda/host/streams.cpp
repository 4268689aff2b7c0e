// Streams, events and graphs of the stand-in driver. What a stream is asked for waits in its queue until somebody waits
// for it, or runs at once: a seed decides anew each time, so that a missing wait, or memory of the host that is used
// again too early, shows. A fault of a kernel is told by the next call and by all that follow in its context, where
// nothing is run any more, as on a GPU, until cloze_host_fail() makes the context a new one.

#include <time.h>

#include <cstdio>
#include <cstring>
#include <deque>
#include <mutex>
#include <set>
#include <utility>

#include "driver.h"

namespace cloze::host {

std::atomic<uint64_t> launches{0}, graph_launches{0};
std::atomic<bool> idle{false};
std::atomic<int> failing{0};

namespace {

// A launch, or other work.
struct Node {
    Launch launch;
    std::function<int()> work;
    std::vector<Pointer> pointers;  // arguments that pointed into memory of the device
};

struct Graph : Held {
    std::vector<std::unique_ptr<Node>> nodes;
};

struct Executable : Held {
    std::vector<Node> nodes;
    std::map<void*, size_t> places;  // by the node of the graph
};

struct Stream : Held {
    Device* device;
    Graph* capture = nullptr;
    void* last = nullptr;  // node of the capture
    std::deque<std::function<int()>> queue;
    uint64_t asked = 0, done = 0;

    explicit Stream(Device* device) : device(device) {}
};

struct Event : Held {
    Device* device = nullptr;
    Stream* stream = nullptr;
    uint64_t at = 0;
    timespec time{};
};

std::recursive_mutex lock;
std::set<Stream*> streams;
Stream legacy[] = {Stream(&device[0]), Stream(&device[1])};
std::string last;  // kernel that was asked for
unsigned state = 1;

bool coin() {
    state = state * 1664525u + 1013904223u + seed;
    return state >> 31;
}

void drain(Stream* stream, uint64_t upto) {
    while (stream->done < upto && !stream->queue.empty()) {
        auto work = std::move(stream->queue.front());
        stream->queue.pop_front();
        stream->done++;
        if (!stream->device->fault) stream->device->fault = work();
    }
}

Stream* of(void* stream) {
    return stream ? static_cast<Stream*>(stream) : &legacy[context->ordinal];
}

int push(Stream* to, std::function<int()> work) {
    if (int fault = to->device->fault) return fault;
    to->queue.push_back(std::move(work));
    to->asked++;
    if (coin()) drain(to, to->asked);
    return success;
}

void mark(Node& node) {
    node.pointers.clear();
    for (auto& value : node.launch.values) {
        Pointer p = 0;
        if (value.size() == sizeof p) std::memcpy(&p, value.data(), sizeof p);
        if (inside(p, 1)) node.pointers.push_back(p);
    }
}

int add(Stream* to, Node node) {
    to->capture->nodes.push_back(std::make_unique<Node>(std::move(node)));
    to->last = to->capture->nodes.back().get();
    return success;
}

int run(const Node& node) {
    for (Pointer p : node.pointers) {
        if (!inside(p, 1)) {
            std::fprintf(stderr, "%s: an argument points to memory that was freed\n",
                         node.launch.function->name.c_str());
            return illegal_address;
        }
    }
    return node.work ? node.work() : node.launch();
}

}  // namespace

Launch::Launch(Function* function, dim3 grid, dim3 block, size_t shared, void** arguments)
    : function(function), grid(grid), block(block), shared(shared) {
    for (size_t i = 0; i < function->sizes.size(); i++)
        values.emplace_back(static_cast<const char*>(arguments[i]), size_t(function->sizes[i]));
}

bool Launch::valid() const {
    uint64_t threads = uint64_t{block.x} * block.y * block.z;
    return grid.x && grid.y && grid.z && grid.x <= 2147483647u && grid.y <= 65535 && grid.z <= 65535 && threads > 0 &&
           threads <= 1024 && shared <= function->most_shared;
}

int Launch::operator()() const {
    launches++;
    if (failing && --failing == 0) return launch_failed;
    std::vector<void*> slots;
    for (auto& value : values) slots.push_back(const_cast<char*>(value.data()));
    std::string why;
    function->run(slots.data(), &grid, &block, shared, seed, &why);
    if (why.empty()) return success;
    std::fprintf(stderr, "%s: %s\n", function->name.c_str(), why.c_str());
    return launch_failed;
}

int enqueue(void* stream, std::function<int()> work) {
    if (!context) return invalid_context;
    std::lock_guard<std::recursive_mutex> guard(lock);
    Stream* to = of(stream);
    return to->capture ? add(to, {{}, std::move(work), {}}) : push(to, std::move(work));
}

int enqueue(void* stream, const Launch& launch) {
    std::lock_guard<std::recursive_mutex> guard(lock);
    Stream* to = of(stream);
    last = launch.function->name;
    if (!to->capture) return push(to, launch);
    Node node{launch, {}, {}};
    mark(node);
    return add(to, std::move(node));
}

int broken() {
    std::lock_guard<std::recursive_mutex> guard(lock);
    return context->fault;
}

int drain(Device* device) {
    std::lock_guard<std::recursive_mutex> guard(lock);
    for (Stream* stream : streams)
        if (stream->device == device) drain(stream, stream->asked);
    Stream& other = legacy[device->ordinal];
    drain(&other, other.asked);
    return device->fault;
}

}  // namespace cloze::host

using namespace cloze::host;

extern "C" {

int cuStreamCreate(void** stream, unsigned) {
    if (!context) return invalid_context;
    if (int result = answer("cuStreamCreate beside " + std::to_string(held()))) return result;
    std::lock_guard<std::recursive_mutex> guard(lock);
    auto made = new Stream(context);
    streams.insert(made);
    return *stream = made, success;
}
int cuStreamDestroy_v2(void* stream) {
    std::lock_guard<std::recursive_mutex> guard(lock);
    Device* device = of(stream)->device;
    drain(of(stream), of(stream)->asked);
    streams.erase(of(stream));
    return delete of(stream), device->fault;
}
int cuStreamSynchronize(void* stream) {
    std::lock_guard<std::recursive_mutex> guard(lock);
    if (of(stream)->capture) return capture_unsupported;
    drain(of(stream), of(stream)->asked);
    return of(stream)->device->fault;
}

int cuEventCreate(void** event, unsigned) {
    if (!context) return invalid_context;
    return *event = new Event{{}, context}, success;
}
int cuEventDestroy_v2(void* event) {
    return delete static_cast<Event*>(event), success;
}
int cuEventRecord(void* event, void* stream) {
    std::lock_guard<std::recursive_mutex> guard(lock);
    auto to = static_cast<Event*>(event);
    if (of(stream)->capture) return capture_unsupported;
    to->stream = of(stream);
    to->at = of(stream)->asked + 1;
    return push(of(stream), [=] { return clock_gettime(CLOCK_MONOTONIC, &to->time), int(success); });
}
int cuStreamWaitEvent(void* stream, void* event, unsigned) {
    std::lock_guard<std::recursive_mutex> guard(lock);
    auto [device, from, at, time] = *static_cast<Event*>(event);
    if (of(stream)->capture) return capture_unsupported;
    if (!from) return success;
    return push(of(stream), [from = from, at = at] {
        if (streams.count(from)) drain(from, at);
        return int(success);
    });
}
int cuEventQuery(void* event) {
    std::lock_guard<std::recursive_mutex> guard(lock);
    auto of = static_cast<Event*>(event);
    if (!of->stream || !streams.count(of->stream)) return success;
    if (of->stream->done < of->at && coin()) drain(of->stream, of->at);
    return of->stream->done < of->at ? int(not_ready) : of->device->fault;
}
int cuEventSynchronize(void* event) {
    std::lock_guard<std::recursive_mutex> guard(lock);
    auto of = static_cast<Event*>(event);
    if (of->stream && streams.count(of->stream)) drain(of->stream, of->at);
    return of->device->fault;
}
int cuEventElapsedTime(float* milliseconds, void* begin, void* end) {
    auto &a = static_cast<Event*>(begin)->time, &b = static_cast<Event*>(end)->time;
    *milliseconds = float(double(b.tv_sec - a.tv_sec) * 1e3 + double(b.tv_nsec - a.tv_nsec) * 1e-6);
    return success;
}

int cuStreamBeginCapture_v2(void* stream, int) {
    std::lock_guard<std::recursive_mutex> guard(lock);
    if (!stream || of(stream)->capture) return invalid_value;
    of(stream)->last = nullptr;
    return of(stream)->capture = new Graph, success;
}
int cuStreamEndCapture(void* stream, void** graph) {
    std::lock_guard<std::recursive_mutex> guard(lock);
    if (!of(stream)->capture) return invalid_value;
    *graph = of(stream)->capture;
    return of(stream)->capture = nullptr, success;
}
// What the next node of the capture will depend on is the one before, since a stream is a line.
int cuStreamGetCaptureInfo_v2(void* stream, int* status, uint64_t* id, void** graph, void* const** before,
                              size_t* count) {
    std::lock_guard<std::recursive_mutex> guard(lock);
    *status = of(stream)->capture != nullptr;
    if (id) *id = *status;
    if (graph) *graph = of(stream)->capture;
    if (before) *before = &of(stream)->last;
    int ends = answer("nodes that follow");
    if (count) *count = *status && of(stream)->last ? size_t(ends ? ends : 1) : 0;
    return success;
}
int cuGraphInstantiateWithFlags(void** executable, void* graph, unsigned long long) {
    std::lock_guard<std::recursive_mutex> guard(lock);
    auto made = new Executable;
    for (auto& node : static_cast<Graph*>(graph)->nodes) {
        made->places[node.get()] = made->nodes.size();
        made->nodes.push_back(*node);
    }
    return *executable = made, success;
}

struct NodeParams {
    Function* function;
    unsigned grid[3], block[3], shared;
    void** arguments;
    void** extra;
    void* kernel;
    void* context;
};

int cuGraphExecKernelNodeSetParams_v2(void* executable, void* node, const NodeParams* p) {
    std::lock_guard<std::recursive_mutex> guard(lock);
    auto& nodes = *static_cast<Executable*>(executable);
    auto found = nodes.places.find(node);
    if (found == nodes.places.end() || nodes.nodes[found->second].work || p->extra || !p->function)
        return invalid_value;
    Launch launch(p->function, {p->grid[0], p->grid[1], p->grid[2]}, {p->block[0], p->block[1], p->block[2]}, p->shared,
                  p->arguments);
    if (!launch.valid()) return invalid_value;
    nodes.nodes[found->second].launch = launch;
    mark(nodes.nodes[found->second]);
    return success;
}
// As the executable is now: what is changed later does not touch what was launched.
int cuGraphLaunch(void* executable, void* stream) {
    graph_launches++;
    if (idle) return success;
    std::lock_guard<std::recursive_mutex> guard(lock);
    if (of(stream)->capture) return capture_unsupported;
    return push(of(stream), [nodes = static_cast<Executable*>(executable)->nodes] {
        for (auto& node : nodes)
            if (int result = run(node)) return result;
        return int(success);
    });
}
int cuGraphDestroy(void* graph) {
    return delete static_cast<Graph*>(graph), success;
}
int cuGraphExecDestroy(void* executable) {
    return delete static_cast<Executable*>(executable), success;
}

// The kernel that was asked for last.
void cloze_host_kernel(char* name, int length) {
    std::lock_guard<std::recursive_mutex> guard(lock);
    std::snprintf(name, size_t(length), "%s", last.c_str());
}
uint64_t cloze_host_launches() {
    return launches;
}
uint64_t cloze_host_graph_launches() {
    return graph_launches;
}
// Launches are taken and not run, to measure what they cost the host.
void cloze_host_idle(int on) {
    idle = on;
}
// The kernel that runs as the count-th from now fails, none for 0. What failed before is forgotten.
void cloze_host_fail(int count) {
    std::lock_guard<std::recursive_mutex> guard(lock);
    failing = count;
    for (Device& broken : device) broken.fault = success;
}
int cloze_host_enqueue(void* stream, const std::function<int()>* work) {
    return enqueue(stream, *work);
}

}  // extern "C"
