// SPDX-License-Identifier: MIT
#include "set_file.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <utility>

#include "crc32c.h"
#include "file_error.h"
#include "mapped_file.h"
#include "new_file.h"

namespace simdgres {
namespace {

constexpr std::size_t kPage = 4096;
constexpr char kMagic[] = {'S', 'G', 'V', 'E', 'C', 'S', 'E', 'T'};
constexpr std::uint32_t kByteOrder = 0x01020304;
constexpr std::size_t kStep = std::size_t{4} << 20; // is summed, and written while it is in the cache

enum Kind : std::uint32_t {
    kValues,
    kNegatedInverseNorms,
    kLargestNorms,
    kModel,
    kBlocks,
    kLevel2,
    kLevel3,
    kPresent,
    kKinds
};
constexpr const char *kNames[kKinds] = {"vectors",          "norms",
                                        "norms of blocks",  "model of the codes",
                                        "codes of level 1", "codes of level 2",
                                        "codes of level 3", "list of rows that are there"};

struct Section {
    std::uint32_t kind, crc;
    std::uint64_t offset, bytes, reserved;
};
static_assert(sizeof(Section) == 32);

struct Header {
    char magic[8];
    std::uint32_t version, byte_order;
    std::uint32_t metric, type, rows_per_block, sections;
    std::uint64_t rows, dims, file_bytes, wants_codes;
    Section table[kKinds];
    std::uint8_t unused[kPage - 64 - kKinds * sizeof(Section) - 4];
    std::uint32_t crc;
};
static_assert(sizeof(Header) == kPage && offsetof(Header, table) == 64);

std::uint32_t CrcOf(const Header &header) {
    return Crc32c(0, &header, offsetof(Header, crc));
}

std::size_t ToPage(std::size_t offset) {
    return (offset + kPage - 1) / kPage * kPage;
}

std::size_t RotationFloats(const sg_codes_header &header) {
    const std::size_t coordinates = header.coordinates1 + header.coordinates2;
    return header.metric == SG_METRIC_L1 ? coordinates : coordinates * header.dims;
}

std::size_t ModelBytes(const sg_codes_header &header) {
    const std::size_t coordinates = header.coordinates1 + header.coordinates2;
    return sizeof header + (header.dims + RotationFloats(header) + 2 * coordinates) * sizeof(float);
}

// The arrays of a model one after the other, in both directions.
template <typename Visit> void EachArray(CodesModel &model, Visit visit) {
    const sg_codes_header &header = model.model.header;
    const std::size_t coordinates = header.coordinates1 + header.coordinates2;
    visit(model.centre, header.dims);
    visit(model.rotation, RotationFloats(header));
    visit(model.low, coordinates);
    visit(model.step, coordinates);
}

std::vector<std::uint8_t> Pack(const CodesModel &from) {
    CodesModel model = from;
    std::vector<std::uint8_t> packed(ModelBytes(model.header()));
    std::memcpy(packed.data(), &model.model.header, sizeof model.model.header);
    std::size_t at = sizeof model.model.header;
    EachArray(model, [&](const std::vector<float> &array, std::size_t count) {
        std::memcpy(packed.data() + at, array.data(), count * sizeof(float));
        at += count * sizeof(float);
    });
    return packed;
}

[[noreturn]] void Damaged(const std::string &path, const std::string &what) {
    throw FileError(kCorruptData, path + " is damaged: " + what,
                    "Copy it again from where it is whole, or write it again by VectorSet.save.");
}

bool AreAll(const std::vector<float> &values, float smallest, float largest) {
    return std::all_of(values.begin(), values.end(),
                       [=](float value) { return value >= smallest && value <= largest; });
}

// Numbers that no training gives could end in reads beyond a row, or in conversions that C leaves undefined.
bool IsPlausible(const CodesModel &model) {
    const sg_codes_header &header = model.header();
    constexpr float kMost = 0x1p120f;
    if (!AreAll(model.centre, -kMost, kMost) || !AreAll(model.low, -0x1p64f, 0x1p64f) ||
        !AreAll(model.step, 0x1p-70f, 0x1p64f) || header.exponent < -200 || header.exponent > 200)
        return false;
    if (header.metric != SG_METRIC_L1)
        return AreAll(model.rotation, -2.0f, 2.0f);
    const auto dims = static_cast<float>(header.dims);
    return std::all_of(model.rotation.begin(), model.rotation.end(),
                       [=](float value) { return value >= 0 && value < dims && value == std::floor(value); });
}

// What is read of a file. Each part of it is asked for once, by kind.
class Reader {
  public:
    Reader(const std::string &path, bool verifies_all)
        : path_(path), verifies_all_(verifies_all), file_(std::make_shared<MappedFile>(path, kPage)) {
        std::memcpy(&header_, file_->data(), sizeof header_);
        CheckHeader();
        CheckTable();
    }

    SavedSet Read() {
        const auto rows = static_cast<std::size_t>(header_.rows),
                   dims = static_cast<std::size_t>(header_.dims);
        const auto metric = static_cast<Metric>(header_.metric);
        VectorSet::Parts parts;
        parts.wants_codes = header_.wants_codes == 1;
        parts.values = Part(kValues, rows * dims * sizeof(float));
        parts.negated_inverse_norms =
            Part(kNegatedInverseNorms, VectorSet::NegatedInverseNormsBytes(rows, metric));
        parts.largest_norms = Part(kLargestNorms, VectorSet::LargestNormsBytes(rows, dims, metric));
        const Section &model = header_.table[kModel];
        if (model.bytes > 0) {
            parts.model = ReadModel(model);
            const sg_codes_header &codes = parts.model->header();
            parts.blocks = Part(kBlocks, Codes::BlocksBytes(codes, rows));
            parts.level2 = Part(kLevel2, rows * sg_codes_level2_bytes(&codes));
            parts.level3 = Part(kLevel3, rows * sg_codes_level3_bytes(&codes));
        } else {
            for (const Kind kind : {kBlocks, kLevel2, kLevel3})
                CheckSize(kind, 0);
        }
        SavedSet saved{nullptr, ReadPresent(rows)};
        saved.set = std::make_shared<VectorSet>(rows, dims, metric, std::move(parts));
        return saved;
    }

  private:
    void CheckHeader() const {
        if (std::memcmp(header_.magic, kMagic, sizeof kMagic) != 0)
            throw FileError(kCorruptData, path_ + " is not a file of a VectorSet: it begins with other bytes",
                            "Name a file that VectorSet.save has written.");
        if (header_.byte_order != kByteOrder)
            throw FileError(kUnavailable, path_ + " was written on a machine with another order of bytes",
                            "Save the set on a machine of this kind.");
        if (header_.version != kSetFileVersion)
            throw FileError(kUnavailable,
                            path_ + " has version " + std::to_string(header_.version) +
                                " of the format, and this simdgres reads version " +
                                std::to_string(kSetFileVersion),
                            "Use the version of simdgres that wrote it, or save the set again.");
        if (header_.crc != CrcOf(header_))
            Damaged(path_, "the checksum of its header, bytes 0 to 4095, is wrong");
        if (header_.metric >= kMetrics || header_.type != 0 || header_.sections != kKinds ||
            header_.wants_codes > 1)
            throw FileError(kUnavailable,
                            path_ + " holds a metric, elements or sections that this simdgres does not know",
                            "Use the version of simdgres that wrote it.");
        if (header_.rows < 1 || header_.rows > 0xffffffff || header_.dims < 1 || header_.dims > 65536 ||
            header_.rows_per_block != RowsPerBlock(header_.dims))
            Damaged(path_, "its header says " + std::to_string(header_.rows) + " rows of " +
                               std::to_string(header_.dims) + " dims");
        if (header_.file_bytes != file_->bytes())
            throw FileError(kCorruptData,
                            path_ +
                                (file_->bytes() < header_.file_bytes ? " is cut short: it has "
                                                                     : " is too long: it has ") +
                                std::to_string(file_->bytes()) + " bytes of " +
                                std::to_string(header_.file_bytes),
                            "Copy it again, or write it again by VectorSet.save.");
    }

    void CheckTable() const {
        std::uint64_t end = kPage;
        for (std::uint32_t kind = 0; kind < kKinds; kind++) {
            const Section &section = header_.table[kind];
            if (section.kind != kind || section.offset % kPage != 0 || section.offset < end ||
                section.offset > header_.file_bytes || section.bytes > header_.file_bytes - section.offset)
                Damaged(path_, std::string("the place of its ") + kNames[kind] + " is impossible");
            end = section.offset + section.bytes;
        }
    }

    void CheckSize(Kind kind, std::size_t bytes) const {
        if (header_.table[kind].bytes != bytes)
            Damaged(path_, std::string("its ") + kNames[kind] + " take " +
                               std::to_string(header_.table[kind].bytes) + " bytes in place of " +
                               std::to_string(bytes));
    }

    void CheckCrc(const Section &section, const void *data) const {
        if (Crc32c(0, data, section.bytes) != section.crc)
            Damaged(path_, std::string("the checksum of its ") + kNames[section.kind] + ", bytes " +
                               std::to_string(section.offset) + " to " +
                               std::to_string(section.offset + section.bytes - 1) + ", is wrong");
    }

    // Null where the size, which has to be this, is 0 and the metric has none of it.
    std::unique_ptr<Buffer> Part(Kind kind, std::size_t bytes) const {
        CheckSize(kind, bytes);
        const Section &section = header_.table[kind];
        const std::uint8_t *const data = file_->data() + section.offset;
        if (verifies_all_ && bytes > 0)
            CheckCrc(section, data);
        return std::make_unique<Buffer>(file_, data, bytes);
    }

    // Copied first, then verified: what steers bounds cannot change any more.
    std::vector<std::uint8_t> Copy(const Section &section) const {
        const std::uint8_t *const data = file_->data() + section.offset;
        std::vector<std::uint8_t> copy(data, data + section.bytes);
        CheckCrc(section, copy.data());
        return copy;
    }

    std::shared_ptr<const CodesModel> ReadModel(const Section &section) const {
        const auto model = std::make_shared<CodesModel>();
        sg_codes_header &header = model->model.header;
        const std::size_t most =
            sizeof header + (header_.dims + SG_MAX_COORDINATES * (header_.dims + 2)) * sizeof(float);
        if (section.bytes < sizeof header || section.bytes > most)
            Damaged(path_, "the model of its codes has an impossible size");
        const std::vector<std::uint8_t> packed = Copy(section);
        std::memcpy(&header, packed.data(), sizeof header);
        if (header.version != SG_CODES_VERSION)
            throw FileError(kUnavailable,
                            path_ + " has codes of version " + std::to_string(header.version) +
                                ", and this simdgres reads version " + std::to_string(SG_CODES_VERSION),
                            "Use the version of simdgres that wrote it, or save the set again.");
        if (!sg_codes_is_valid(&header) || header.dims != header_.dims || header.metric != header_.metric ||
            packed.size() != ModelBytes(header))
            Damaged(path_, "the model of its codes is not one of this set");
        std::size_t at = sizeof header;
        EachArray(*model, [&](std::vector<float> &array, std::size_t count) {
            array.resize(count);
            std::memcpy(array.data(), packed.data() + at, count * sizeof(float));
            at += count * sizeof(float);
        });
        if (!IsPlausible(*model))
            Damaged(path_, "the model of its codes holds impossible values");
        if (verifies_all_ && header.metric != SG_METRIC_L1 &&
            sg_codes_measure_rotation(model->rotation.data(), header.coordinates1 + header.coordinates2,
                                      header.dims) > static_cast<double>(header.eta))
            Damaged(path_, "the rotation of its codes is not as precise as it says");
        model->PointToArrays();
        return model;
    }

    std::vector<std::uint32_t> ReadPresent(std::size_t rows) const {
        const Section &section = header_.table[kPresent];
        if (section.bytes == 0)
            return {};
        CheckSize(kPresent, (rows + 31) / 32 * sizeof(std::uint32_t));
        const std::vector<std::uint8_t> copy = Copy(section);
        std::vector<std::uint32_t> words(copy.size() / sizeof(std::uint32_t));
        std::memcpy(words.data(), copy.data(), copy.size());
        if (rows % 32 != 0)
            words.back() &= (std::uint32_t{1} << (rows % 32)) - 1;
        return words;
    }

    const std::string path_;
    const bool verifies_all_;
    const std::shared_ptr<const MappedFile> file_;
    Header header_;
};

} // namespace

void SaveSet(const std::string &path, const SavedSet &saved) {
    const VectorSet &set = *saved.set;
    struct Source {
        const void *data = nullptr;
        std::size_t bytes = 0;
    };
    std::array<Source, kKinds> sources;
    const auto put = [&](Kind kind, const Buffer *buffer) {
        if (buffer != nullptr)
            sources[kind] = {buffer->data(), buffer->bytes()};
    };
    put(kValues, &set.values_buffer());
    put(kNegatedInverseNorms, set.negated_inverse_norms_buffer());
    put(kLargestNorms, set.largest_norms_buffer());
    std::vector<std::uint8_t> model;
    if (const Codes *codes = set.codes()) {
        model = Pack(codes->model());
        sources[kModel] = {model.data(), model.size()};
        put(kBlocks, &codes->blocks());
        put(kLevel2, &codes->level2());
        put(kLevel3, &codes->level3());
    }
    sources[kPresent] = {saved.present.data(), saved.present.size() * sizeof(std::uint32_t)};

    Header header{};
    std::memcpy(header.magic, kMagic, sizeof kMagic);
    header.version = kSetFileVersion;
    header.byte_order = kByteOrder;
    header.metric = static_cast<std::uint32_t>(set.metric());
    header.rows_per_block = static_cast<std::uint32_t>(RowsPerBlock(set.dims()));
    header.sections = kKinds;
    header.rows = set.rows();
    header.dims = set.dims();
    header.wants_codes = set.wants_codes() ? 1 : 0;
    NewFile file(path);
    std::size_t end = kPage;
    for (std::uint32_t kind = 0; kind < kKinds; kind++) {
        const auto *const data = static_cast<const std::uint8_t *>(sources[kind].data);
        const std::size_t bytes = sources[kind].bytes, offset = ToPage(end);
        std::uint32_t crc = 0;
        for (std::size_t done = 0; done < bytes; done += kStep) {
            const std::size_t part = std::min(kStep, bytes - done);
            crc = Crc32c(crc, data + done, part);
            file.Write(offset + done, data + done, part);
        }
        header.table[kind] = {kind, crc, offset, bytes, 0};
        end = offset + bytes;
    }
    header.file_bytes = ToPage(end);
    file.Extend(header.file_bytes);
    header.crc = CrcOf(header);
    file.Write(0, &header, sizeof header);
    file.Publish();
}

SavedSet OpenSet(const std::string &path, bool verifies_all) {
    return Reader(path, verifies_all).Read();
}

} // namespace simdgres
