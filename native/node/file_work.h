// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <utility>

#include "pool.h"

namespace simdgres {

// One function that reads or writes files, as a job.
class FileWork : public Job, public std::enable_shared_from_this<FileWork> {
  public:
    // on_done is called once, on the thread of the work.
    FileWork(std::function<void()> work, std::function<void(FileWork &)> on_done)
        : work_(std::move(work)), on_done_(std::move(on_done)) {
        SetUnits(1);
    }

    // After on_done: what the work has thrown.
    const std::exception_ptr &failure() const { return failure_; }

  private:
    void RunUnit(std::size_t) override {
        try {
            work_();
        } catch (...) {
            failure_ = std::current_exception();
        }
    }
    void OnDone() override {
        work_ = nullptr; // what it holds is free as soon as it has ended
        on_done_(*this);
    }

    std::function<void()> work_;
    const std::function<void(FileWork &)> on_done_;
    std::exception_ptr failure_;
};

} // namespace simdgres
