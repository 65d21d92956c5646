// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>

#include "pool.h"
#include "vector_set.h"

namespace simdgres {

// Makes what searches need of a set that has been filled, in units of a few milliseconds, so that searches take turns with
// it and Cancel is soon heard; training asks for it on its own. Units build on each other: one thread of the pool is to
// work on it.
class Build : public Job, public std::enable_shared_from_this<Build> {
  public:
    // on_done is called once, on the thread that ends the work, also after Cancel or failure.
    Build(std::shared_ptr<VectorSet> set, bool has_codes, std::function<void(Build &)> on_done);

    // After on_done. Null: it was cancelled, or failed, and the memory is free.
    std::shared_ptr<const VectorSet> TakeSet() { return std::move(set_); }
    bool is_out_of_memory() const { return is_out_of_memory_; }
    // A row that there can be no codes of.
    std::optional<std::size_t> not_finite_row() const { return not_finite_row_; }

    // All of it on this thread.
    void RunHere() { Work(); }

  private:
    void RunUnit(std::size_t unit) override;
    void OnDone() override;
    void Prepare(std::size_t first_row, std::size_t count);
    void Train();

    std::shared_ptr<VectorSet> set_;
    const bool has_codes_; // asked for: values have to be finite
    const bool is_coded_;  // and worth it
    const std::size_t rows_per_unit_;
    const std::size_t passes_; // units of one pass over all rows
    const std::function<void(Build &)> on_done_;
    Codes *codes_ = nullptr;
    bool is_out_of_memory_ = false;
    std::optional<std::size_t> not_finite_row_;
};

} // namespace simdgres
