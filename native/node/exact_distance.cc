// SPDX-License-Identifier: MIT
#include "exact_distance.h"

#include <cmath>

namespace simdgres {
namespace {

double L2(const float *a, const float *b, std::size_t n) {
    double sum = 0;
    for (std::size_t i = 0; i < n; i++) {
        const double difference = static_cast<double>(a[i]) - static_cast<double>(b[i]);
        sum += difference * difference;
    }
    return std::sqrt(sum);
}

double L1(const float *a, const float *b, std::size_t n) {
    double sum = 0;
    for (std::size_t i = 0; i < n; i++)
        sum += std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    return sum;
}

double Dot(const float *a, const float *b, std::size_t n) {
    double sum = 0;
    for (std::size_t i = 0; i < n; i++)
        sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    return sum;
}

double Cosine(const float *a, const float *b, std::size_t n) {
    const double norms = Dot(a, a, n) * Dot(b, b, n);
    const double distance = 1.0 - Dot(a, b, n) / std::sqrt(norms);
    // Written so that NaN passes.
    return distance < 0.0 ? 0.0 : distance > 2.0 ? 2.0 : distance;
}

} // namespace

double ExactDistance(Metric metric, const float *query, const float *row, std::size_t dims) {
    switch (metric) {
    case Metric::kL2:
        return L2(query, row, dims);
    case Metric::kCosine:
        return Cosine(query, row, dims);
    case Metric::kIp:
        return -Dot(query, row, dims);
    case Metric::kL1:
        return L1(query, row, dims);
    }
    __builtin_unreachable();
}

// One sum would wait for each addition: eight are as fast as memory, which counts when a set is made.
double Norm(const float *a, std::size_t dims) {
    constexpr std::size_t kSums = 8;
    double sums[kSums] = {};
    std::size_t i = 0;
    for (; i + kSums <= dims; i += kSums) {
        for (std::size_t lane = 0; lane < kSums; lane++)
            sums[lane] += static_cast<double>(a[i + lane]) * static_cast<double>(a[i + lane]);
    }
    double sum = 0;
    for (; i < dims; i++)
        sum += static_cast<double>(a[i]) * static_cast<double>(a[i]);
    for (const double lane : sums)
        sum += lane;
    return std::sqrt(sum);
}

} // namespace simdgres
