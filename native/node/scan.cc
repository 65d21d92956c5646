// SPDX-License-Identifier: MIT
#include "scan.h"

#include <algorithm>
#include <limits>

#include "exact_distance.h"

namespace simdgres {
namespace {

sg_op ScoringOp(Metric metric) {
    switch (metric) {
    case Metric::kL2:
        return SG_L2SQ;
    case Metric::kL1:
        return SG_L1;
    case Metric::kIp:
    case Metric::kCosine:
        return SG_DOT;
    }
    __builtin_unreachable();
}

// Rows that are scored before their scores are looked at. Looking interrupts the hardware's prefetching, which after
// each block cost 2-5 % of the speed of memory; of several queries, the block has to stay in the nearest caches.
std::size_t RowsPerVisit(std::size_t dims, std::size_t query_count) {
    constexpr std::size_t kVisitBytes = 256 << 10;
    const std::size_t block = RowsPerBlock(dims);
    if (query_count > 1)
        return block;
    return std::max<std::size_t>(1, kVisitBytes / (block * dims * sizeof(float))) * block;
}

} // namespace

Scan::Scan(const VectorSet &set, const std::uint32_t *ids, const AlignedVectors &queries,
           std::size_t first_query, std::size_t query_count, const Nearest &empty)
    : set_(set), ids_(ids), queries_(queries), first_query_(first_query), query_count_(query_count),
      rows_per_block_(RowsPerBlock(set.dims())), rows_per_visit_(RowsPerVisit(set.dims(), query_count)) {
    const sg_op op = ScoringOp(set.metric());
    many_ = sg_active()->many[SG_F32][op];
    tile_ = query_count > 1 ? sg_active()->tile[SG_F32][op] : nullptr;
    scores_.resize(query_count * rows_per_visit_);
    limits_.reserve(query_count);
    for (std::size_t q = 0; q < query_count; q++)
        limits_.emplace_back(set, query(q));
    nearest_.assign(query_count, empty);
}

void Scan::Visit(std::size_t first_row, std::size_t row_count) {
    Score(set_.row(first_row), row_count);
    for (std::size_t q = 0; q < query_count_; q++) {
        float *scores = scores_.data() + q * rows_per_visit_;
        MakeSmallerNearer(scores, first_row, row_count);
        for (std::size_t done = 0; done < row_count; done += rows_per_block_)
            OfferNear(q, scores + done, first_row + done, std::min(rows_per_block_, row_count - done));
    }
}

void Scan::Score(const float *rows, std::size_t row_count) {
    const std::size_t dims = set_.dims(), stride = dims * sizeof(float);
    if (tile_ != nullptr) {
        tile_(query(0), query_count_, queries_.stride_bytes(), rows, row_count, stride, dims, scores_.data(),
              rows_per_visit_);
        return;
    }
    for (std::size_t q = 0; q < query_count_; q++)
        many_(query(q), rows, row_count, stride, dims, scores_.data() + q * rows_per_visit_);
}

void Scan::MakeSmallerNearer(float *scores, std::size_t first_row, std::size_t row_count) const {
    if (set_.metric() == Metric::kCosine) {
        const float *factors = set_.negated_inverse_norms() + first_row;
        for (std::size_t r = 0; r < row_count; r++)
            // A zero vector is beyond every limit: only while there is none, its distance (NaN) can be among the nearest.
            scores[r] = factors[r] == 0 ? std::numeric_limits<float>::infinity() : scores[r] * factors[r];
    } else if (set_.metric() == Metric::kIp) {
        for (std::size_t r = 0; r < row_count; r++)
            scores[r] = -scores[r];
    }
}

void Scan::OfferNear(std::size_t q, const float *scores, std::size_t first_row, std::size_t row_count) {
    // Rows dismissed with one branch (2 % faster than 16 of them); the compiler compares them in SIMD.
    constexpr std::size_t kStep = 64;
    Nearest &nearest = nearest_[q];
    float limit = limits_[q].For(nearest.worst(), first_row);
    for (std::size_t r = 0; r < row_count;) {
        if (row_count - r >= kStep) {
            int near = 0;
            for (std::size_t i = 0; i < kStep; i++)
                near |= !(scores[r + i] > limit); // true for NaN: what f32 could not compute is not excluded
            if (!near) {
                r += kStep;
                continue;
            }
        }
        const std::size_t end = std::min(r + kStep, row_count);
        for (; r < end; r++) {
            if (scores[r] > limit)
                continue;
            const std::size_t row = first_row + r;
            const double distance = ExactDistance(set_.metric(), query(q), set_.row(row), set_.dims());
            nearest.Offer({distance, ids_ != nullptr ? ids_[row] : static_cast<std::uint32_t>(row)});
            measured_++;
            limit = limits_[q].For(nearest.worst(), first_row);
        }
    }
}

} // namespace simdgres
