// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>

namespace simdgres {

// Work that is split into units, which several threads take one after another.
class Job {
  public:
    virtual ~Job() = default;

    // Takes one unit; false if none was left. The thread that ends the last unit calls OnDone.
    bool WorkOnUnit();

    // Takes units until none is left.
    void Work();

    // Makes units that have not ended skip what they have not done; OnDone is called all the same.
    void Cancel() { cancelled_.store(true, std::memory_order_relaxed); }
    bool is_cancelled() const { return cancelled_.load(std::memory_order_relaxed); }

    // From 0 to 1, on any thread.
    double progress() const {
        return static_cast<double>(done_.load(std::memory_order_relaxed)) / static_cast<double>(units_);
    }

  protected:
    // At least one; before the job is submitted.
    void SetUnits(std::size_t units) { units_ = units; }

    virtual void RunUnit(std::size_t unit) = 0;
    virtual void OnDone() = 0;

  private:
    std::size_t units_ = 0;
    std::atomic<std::size_t> next_{0};
    std::atomic<std::size_t> done_{0};
    std::atomic<bool> cancelled_{false};
};

// The process's threads for searches, one per processor, started by the first job.
//
// Not libuv's pool: that has four threads for file system, DNS, compression and encryption of the whole
// process, and a few long searches in it would stall all of those. Not new threads per search either: a
// pool keeps 100 searches at once from running 100 threads, and saves their start (tens of microseconds).
class Pool {
  public:
    // Never destroyed: its threads may still run while the process exits.
    // Throws std::system_error where the system gives no thread at all; the next call tries again.
    static Pool &Shared();

    // Up to `threads` threads work on the job. Jobs take turns, unit by unit: a short search does not wait for
    // the end of a long one.
    void Submit(const std::shared_ptr<Job> &job, std::size_t threads);

  private:
    Pool();
    [[noreturn]] void Serve();

    std::size_t size_ = 0;
    std::mutex mutex_;
    std::condition_variable has_jobs_;
    std::deque<std::shared_ptr<Job>> jobs_;
};

} // namespace simdgres
