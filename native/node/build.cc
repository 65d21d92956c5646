// SPDX-License-Identifier: MIT
#include "build.h"

#include <algorithm>
#include <new>
#include <stdexcept>
#include <utility>

namespace simdgres {
namespace {

// To code a MiB takes about 8 ms.
constexpr std::size_t kUnitBytes = std::size_t{1} << 20;

// Codes are made of whole blocks.
std::size_t RowsPerUnit(std::size_t dims) {
    const std::size_t blocks = kUnitBytes / (dims * sizeof(float) * Codes::kRowsPerBlock);
    return std::max<std::size_t>(1, blocks) * Codes::kRowsPerBlock;
}

} // namespace

Build::Build(std::shared_ptr<VectorSet> set, bool has_codes, std::function<void(Build &)> on_done)
    : set_(std::move(set)), has_codes_(has_codes), is_coded_(has_codes && set_->rows() >= Codes::kFewestRows),
      rows_per_unit_(RowsPerUnit(set_->dims())),
      passes_((set_->rows() + rows_per_unit_ - 1) / rows_per_unit_), on_done_(std::move(on_done)) {
    if (has_codes)
        set_->WantCodes();
    SetUnits(is_coded_ ? 2 * passes_ + 1 : passes_);
}

void Build::RunUnit(std::size_t unit) {
    const std::size_t first_row = (unit < passes_ ? unit : unit - passes_ - 1) * rows_per_unit_;
    try {
        if (unit == passes_)
            Train();
        else if (unit < passes_)
            Prepare(first_row, std::min(rows_per_unit_, set_->rows() - first_row));
        else
            codes_->Encode(first_row, std::min(rows_per_unit_, set_->rows() - first_row));
    } catch (const std::bad_alloc &) {
        is_out_of_memory_ = true;
        Cancel();
    } catch (const std::length_error &) {
        is_out_of_memory_ = true;
        Cancel();
    }
}

void Build::Prepare(std::size_t first_row, std::size_t count) {
    set_->Derive(first_row, count);
    if (!has_codes_)
        return;
    not_finite_row_ = set_->FindNotFinite(first_row, count);
    if (not_finite_row_)
        Cancel();
}

void Build::Train() {
    codes_ = &set_->AddCodes();
    const sg_stop stop{
        [](void *self) { return static_cast<int>(static_cast<Build *>(self)->is_cancelled()); }, this};
    codes_->Train(&stop);
}

void Build::OnDone() {
    // JavaScript may hold a build that it has aborted until its event loop turns.
    if (is_cancelled())
        set_.reset();
    on_done_(*this);
}

} // namespace simdgres
