// SPDX-License-Identifier: MIT
#pragma once

#include <functional>

#include "pool.h"

namespace simdgres {

// Reads a buffer that no cache can hold several times with the widest loads of the CPU, in one thread, as a
// search reads rows. The best pass counts: everything else on the machine can only make a pass slower.
class BandwidthMeasurement : public Job {
  public:
    using Callback = std::function<void(BandwidthMeasurement &)>;

    explicit BandwidthMeasurement(Callback on_done);

    // 10^9 bytes per second; 0 when there was too little memory for the buffer.
    double gigabytes_per_second() const { return gigabytes_per_second_; }

  private:
    void RunUnit(std::size_t unit) override;
    void OnDone() override { on_done_(*this); }

    const Callback on_done_;
    double gigabytes_per_second_ = 0;
};

} // namespace simdgres
