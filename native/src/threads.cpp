#include "cloze/threads.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "cloze/export.h"

namespace cloze {
namespace {

constexpr auto spin_time = std::chrono::microseconds(30);

inline void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

// Spins for spin_time, then sleeps, until value differs from old.
template <class T>
T wait_change(const std::atomic<T>& value, T old) {
    auto end = std::chrono::steady_clock::now() + spin_time;
    do {
        for (int i = 0; i < 64; i++) {
            T now = value.load();
            if (now != old) return now;
            pause();
        }
    } while (std::chrono::steady_clock::now() < end);
    value.wait(old);
    return value.load();
}

// A worker enters (members), checks for an open job, runs tasks until none is left, and leaves. The caller closes the
// job and waits until members is 0, so it never waits for a sleeping worker, and the fields of a job change only while
// no worker can read them.
class Pool {
  public:
    ~Pool() = delete;

    int64_t size() { return size_.load(std::memory_order_relaxed); }

    void resize(int64_t n) {
        std::lock_guard<std::mutex> lock(caller_);
        stop_ = true;
        epoch_++;
        epoch_.notify_all();
        for (auto& worker : workers_) worker.join();
        workers_.clear();
        stop_ = false;
        size_ = std::max<int64_t>(n, 1);
    }

    void run(int64_t tasks, void (*task)(void*, int64_t), void* context) {
        if (size() < 2 || inside_ || !caller_.try_lock()) {
            for (int64_t i = 0; i < tasks; i++) task(context, i);
            return;
        }
        if (workers_.empty()) start();
        task_ = task, context_ = context, tasks_ = tasks;
        next_.store(0, std::memory_order_relaxed);
        open_ = true;
        epoch_++;
        epoch_.notify_all();
        inside_ = true;
        work();
        inside_ = false;
        open_ = false;
        for (int32_t left = members_; left != 0;) left = wait_change(members_, left);
        caller_.unlock();
    }

  private:
    void start() {
        sigset_t all, old;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);  // the JVM's signals must go to its own threads
        uint32_t epoch = epoch_;
        for (int64_t i = 1; i < size(); i++) workers_.emplace_back([this, i, epoch] { live(i, epoch); });
        pthread_sigmask(SIG_SETMASK, &old, nullptr);
    }

    void live(int64_t index, uint32_t epoch) {
        inside_ = true;
#if defined(__linux__)
        pthread_setname_np(pthread_self(), ("cloze-" + std::to_string(index)).c_str());
#endif
        for (;;) {
            epoch = wait_change(epoch_, epoch);
            if (stop_) return;
            members_++;
            if (open_) work();
            if (members_.fetch_sub(1) == 1) members_.notify_all();
        }
    }

    void work() {
        for (int64_t i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < tasks_;) task_(context_, i);
    }

    static thread_local bool inside_;  // in a worker, or in a caller during a job
    std::mutex caller_;
    std::vector<std::thread> workers_;
    std::atomic<int64_t> size_{std::max<int64_t>(std::thread::hardware_concurrency(), 1)};
    void (*task_)(void*, int64_t) = nullptr;
    void* context_ = nullptr;
    int64_t tasks_ = 0;
    alignas(64) std::atomic<int64_t> next_{0};
    alignas(64) std::atomic<uint32_t> epoch_{0};
    std::atomic<bool> open_{false};
    std::atomic<bool> stop_{false};
    alignas(64) std::atomic<int32_t> members_{0};
};

thread_local bool Pool::inside_ = false;

// Never destroyed: workers may still sleep in it when the process exits.
Pool& pool() {
    static Pool& pool = *new Pool;
    return pool;
}

}  // namespace

int64_t threads() {
    return pool().size();
}

void run(int64_t tasks, void (*task)(void*, int64_t), void* context) {
    pool().run(tasks, task, context);
}

}  // namespace cloze

CLOZE_EXPORT void threads_set(int64_t n) {
    cloze::pool().resize(n);
}

CLOZE_EXPORT int64_t threads_get() {
    return cloze::threads();
}
