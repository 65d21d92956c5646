// SPDX-License-Identifier: MIT
#include "codes.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

namespace simdgres {
namespace {

// Beyond this many, or this share of the rows, a scan of the floats is as fast.
constexpr std::size_t kMostNeighbours = 1000;
constexpr std::size_t kRowsPerNeighbour = 8;

sg_metric OfCodes(Metric metric) {
    switch (metric) {
    case Metric::kL2:
        return SG_METRIC_L2;
    case Metric::kCosine:
        return SG_METRIC_COSINE;
    case Metric::kIp:
        return SG_METRIC_IP;
    case Metric::kL1:
        return SG_METRIC_L1;
    }
    __builtin_unreachable();
}

// Asked once: to ask the processor leaves a virtual machine.
const sg_codes_kernels *Kernels() {
    static const sg_codes_kernels *kernels = sg_codes_active();
    return kernels;
}

std::uint8_t *At(const std::unique_ptr<Buffer> &buffer, std::size_t offset) {
    return static_cast<std::uint8_t *>(buffer->data()) + offset;
}

} // namespace

void CodesModel::PointToArrays() {
    model.centre = centre.data();
    model.rotation = rotation.data();
    model.low = low.data();
    model.step = step.data();
}

Codes::Codes(const float *rows, std::size_t count, std::size_t dims, Metric metric)
    : rows_(rows), count_(count), dims_(dims), metric_(metric) {}

Codes::Codes(const float *rows, std::size_t count, std::shared_ptr<const CodesModel> model,
             std::unique_ptr<Buffer> blocks, std::unique_ptr<Buffer> level2, std::unique_ptr<Buffer> level3)
    : rows_(rows), count_(count), dims_(model->header().dims),
      metric_(static_cast<Metric>(model->header().metric)), model_(std::move(model)),
      blocks_(std::move(blocks)), level2_(std::move(level2)), level3_(std::move(level3)) {}

Codes::Codes(const float *rows, std::size_t count, std::shared_ptr<const CodesModel> model)
    : rows_(rows), count_(count), dims_(model->header().dims),
      metric_(static_cast<Metric>(model->header().metric)), model_(std::move(model)) {
    Reserve();
}

void Codes::Reserve() {
    const sg_codes_header &header = model_->header();
    blocks_ = std::make_unique<Buffer>(BlocksBytes(header, count_));
    level2_ = std::make_unique<Buffer>(count_ * sg_codes_level2_bytes(&header));
    level3_ = std::make_unique<Buffer>(count_ * sg_codes_level3_bytes(&header));
}

std::size_t Codes::BlocksBytes(const sg_codes_header &header, std::size_t rows) {
    return (rows + kRowsPerBlock - 1) / kRowsPerBlock * sg_codes_block_bytes(&header);
}

void Codes::Train(const sg_stop *stop) {
    const std::size_t sampled = sg_codes_sample_rows(count_, dims_);
    Buffer sample(sampled * dims_ * sizeof(float));
    auto *to = static_cast<float *>(sample.data());
    for (std::size_t i = 0; i < sampled; i++)
        std::memcpy(to + i * dims_, rows_ + i * count_ / sampled * dims_, dims_ * sizeof(float));
    sg_codes_training training{};
    training.metric = OfCodes(metric_);
    training.dims = dims_;
    training.sample = to;
    training.sample_rows = sampled;
    training.rows = count_;
    training.stop = stop;
    const auto made = std::make_shared<CodesModel>();
    made->centre.resize(dims_);
    made->rotation.resize(sg_codes_rotation_floats(dims_));
    made->low.resize(SG_MAX_COORDINATES);
    made->step.resize(SG_MAX_COORDINATES);
    const Buffer scratch(sg_codes_training_bytes(sampled, dims_));
    sg_codes_train(&training, &made->model.header, made->centre.data(), made->rotation.data(),
                   made->low.data(), made->step.data(), scratch.data());
    if (sg_is_stopped(stop))
        return;
    made->PointToArrays();
    model_ = made;
    Reserve();
}

void Codes::Encode(std::size_t first, std::size_t count) {
    const sg_codes_header *header = &model_->header();
    const Buffer scratch(sg_codes_encoding_bytes(header));
    void *const blocks = At(blocks_, first / kRowsPerBlock * sg_codes_block_bytes(header));
    sg_codes_clear_blocks(header, blocks, (count + kRowsPerBlock - 1) / kRowsPerBlock);
    sg_codes_encode(&model_->model, rows_ + first * dims_, count, blocks, 0,
                    At(level2_, first * sg_codes_level2_bytes(header)),
                    At(level3_, first * sg_codes_level3_bytes(header)), scratch.data());
}

std::size_t Codes::bytes() const {
    return blocks_->owned_bytes() + level2_->owned_bytes() + level3_->owned_bytes() + model_->bytes();
}

bool Codes::CanSearch(const AlignedVectors &queries, std::size_t k, std::size_t rows) const {
    if (k == 0 || k > kMostNeighbours || k * kRowsPerNeighbour > rows)
        return false;
    for (std::size_t q = 0; q < queries.count(); q++) {
        const float *query = queries.at(q);
        if (!std::all_of(query, query + dims_, [](float value) { return std::isfinite(value); }))
            return false;
    }
    return true;
}

std::unique_ptr<Buffer> Codes::TakeScratch(std::size_t bytes) const {
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        const auto fits = std::find_if(scratch_.begin(), scratch_.end(),
                                       [bytes](const auto &kept) { return kept->bytes() >= bytes; });
        if (fits != scratch_.end()) {
            auto taken = std::move(*fits);
            scratch_.erase(fits);
            return taken;
        }
        // What is too small for one search is too small for those like it.
        if (!scratch_.empty())
            scratch_.pop_back();
    }
    return std::make_unique<Buffer>(bytes);
}

void Codes::KeepScratch(std::unique_ptr<Buffer> scratch) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    scratch_.push_back(std::move(scratch));
}

sg_coded_rows Codes::Part(std::size_t first_row, std::size_t row_count, const Filter *filter,
                          const std::uint32_t *ids) const {
    const sg_codes_header *header = &model_->header();
    return {&model_->model,
            rows_ + first_row * dims_,
            row_count,
            At(blocks_, first_row / kRowsPerBlock * sg_codes_block_bytes(header)),
            At(level2_, first_row * sg_codes_level2_bytes(header)),
            At(level3_, first_row * sg_codes_level3_bytes(header)),
            filter != nullptr ? filter->words(first_row) : nullptr,
            ids != nullptr ? ids + first_row : nullptr};
}

void Codes::AddStats(const sg_search_stats &looked, SearchStats &stats) const {
    const sg_codes_header *header = &model_->header();
    stats.level1 += looked.level1;
    stats.level2 += looked.level2;
    stats.level3 += looked.level3;
    stats.exact += looked.exact;
    stats.bytes += looked.blocks * sg_codes_block_bytes(header) +
                   looked.level2 * sg_codes_level2_bytes(header) +
                   looked.level3 * sg_codes_level3_bytes(header) + looked.exact * dims_ * sizeof(float);
}

std::vector<Nearest> Codes::Search(const AlignedVectors &queries, std::size_t first_query,
                                   std::size_t query_count, std::size_t k, std::size_t first_row,
                                   std::size_t row_count, const Filter *filter, const std::uint32_t *ids,
                                   SearchStats &stats) const {
    const sg_coded_rows part = Part(first_row, row_count, filter, ids);
    std::vector<float> vectors(query_count * dims_);
    for (std::size_t q = 0; q < query_count; q++)
        std::memcpy(&vectors[q * dims_], queries.at(first_query + q), dims_ * sizeof(float));
    std::vector<sg_neighbour> found(query_count * k);
    auto scratch = TakeScratch(sg_search_bytes(&part, k, query_count));
    sg_search_stats looked{};
    const std::size_t each =
        sg_search(&part, Kernels(), vectors.data(), query_count, k, found.data(), &looked, scratch->data());
    KeepScratch(std::move(scratch));

    const std::size_t first_id = ids != nullptr ? 0 : first_row;
    std::vector<Nearest> nearest(query_count, Nearest(k));
    for (std::size_t q = 0; q < query_count; q++) {
        for (std::size_t i = 0; i < each; i++) {
            const sg_neighbour &one = found[q * k + i];
            nearest[q].Offer({one.distance, static_cast<std::uint32_t>(first_id + one.id)});
        }
    }
    AddStats(looked, stats);
    return nearest;
}

Nearest Codes::SearchWithin(const float *query, double radius, std::size_t k, std::size_t first_row,
                            std::size_t row_count, const Filter *filter, const std::uint32_t *ids,
                            const sg_stop &stop, SearchStats &stats) const {
    const sg_coded_rows part = Part(first_row, row_count, filter, ids);
    auto scratch = TakeScratch(sg_within_bytes(&part));
    sg_search_stats looked{};
    const std::size_t left =
        sg_within_begin(&part, Kernels(), query, radius, &stop, &looked, scratch->data());
    std::vector<sg_neighbour> found(std::min(k, left));
    const std::size_t count =
        sg_within_measure(left, found.size(), &stop, found.data(), &looked, scratch->data());
    KeepScratch(std::move(scratch));

    const std::size_t first_id = ids != nullptr ? 0 : first_row;
    Nearest nearest(k, radius);
    for (std::size_t i = 0; i < count; i++)
        nearest.Offer({found[i].distance, static_cast<std::uint32_t>(first_id + found[i].id)});
    AddStats(looked, stats);
    return nearest;
}

} // namespace simdgres
