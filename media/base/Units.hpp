// Unit types: a rate times a duration is a size, and the compiler checks it.
// All are thin wrappers over int64_t; arithmetic is plain integer arithmetic (no saturation).
#pragma once

#include <compare>
#include <cstdint>
#include <limits>

namespace sotto::base {

/// A span of time, microsecond resolution; may be negative.
class TimeDelta {
 public:
  constexpr TimeDelta() = default;
  static constexpr TimeDelta micros(int64_t value) { return TimeDelta(value); }
  static constexpr TimeDelta millis(int64_t value) { return TimeDelta(value * 1'000); }
  static constexpr TimeDelta seconds(int64_t value) { return TimeDelta(value * 1'000'000); }
  static constexpr TimeDelta zero() { return TimeDelta(0); }
  static constexpr TimeDelta infinite() { return TimeDelta(std::numeric_limits<int64_t>::max() / 4); }

  constexpr int64_t us() const { return us_; }
  constexpr int64_t ms() const { return us_ / 1'000; }
  constexpr double secondsAsDouble() const { return static_cast<double>(us_) / 1e6; }

  constexpr auto operator<=>(const TimeDelta&) const = default;
  constexpr TimeDelta operator+(TimeDelta other) const { return TimeDelta(us_ + other.us_); }
  constexpr TimeDelta operator-(TimeDelta other) const { return TimeDelta(us_ - other.us_); }
  constexpr TimeDelta operator-() const { return TimeDelta(-us_); }
  constexpr TimeDelta operator*(int64_t factor) const { return TimeDelta(us_ * factor); }
  constexpr TimeDelta operator/(int64_t divisor) const { return TimeDelta(us_ / divisor); }
  constexpr TimeDelta& operator+=(TimeDelta other) { return us_ += other.us_, *this; }

 private:
  constexpr explicit TimeDelta(int64_t us) : us_(us) {}
  int64_t us_ = 0;
};

/// A point on a monotonic clock whose origin is nobody's business. Handed in by whoever drives the core.
class Timestamp {
 public:
  constexpr Timestamp() = default;
  static constexpr Timestamp micros(int64_t value) { return Timestamp(value); }
  static constexpr Timestamp millis(int64_t value) { return Timestamp(value * 1'000); }
  /// Before every real point in time: "never happened yet".
  static constexpr Timestamp minusInfinity() { return Timestamp(std::numeric_limits<int64_t>::min() / 4); }
  /// After every real point in time: "no deadline".
  static constexpr Timestamp plusInfinity() { return Timestamp(std::numeric_limits<int64_t>::max() / 4); }

  constexpr int64_t us() const { return us_; }
  constexpr int64_t ms() const { return us_ / 1'000; }

  constexpr auto operator<=>(const Timestamp&) const = default;
  constexpr Timestamp operator+(TimeDelta delta) const { return Timestamp(us_ + delta.us()); }
  constexpr Timestamp operator-(TimeDelta delta) const { return Timestamp(us_ - delta.us()); }
  constexpr TimeDelta operator-(Timestamp other) const { return TimeDelta::micros(us_ - other.us_); }

 private:
  constexpr explicit Timestamp(int64_t us) : us_(us) {}
  int64_t us_ = 0;
};

/// An amount of data in bytes.
class DataSize {
 public:
  constexpr DataSize() = default;
  static constexpr DataSize bytes(int64_t value) { return DataSize(value); }
  static constexpr DataSize zero() { return DataSize(0); }
  constexpr int64_t bytes() const { return bytes_; }

  constexpr auto operator<=>(const DataSize&) const = default;
  constexpr DataSize operator+(DataSize other) const { return DataSize(bytes_ + other.bytes_); }
  constexpr DataSize operator-(DataSize other) const { return DataSize(bytes_ - other.bytes_); }
  constexpr DataSize& operator+=(DataSize other) { return bytes_ += other.bytes_, *this; }
  constexpr DataSize& operator-=(DataSize other) { return bytes_ -= other.bytes_, *this; }

 private:
  constexpr explicit DataSize(int64_t bytes) : bytes_(bytes) {}
  int64_t bytes_ = 0;
};

/// A data rate in bits per second.
class DataRate {
 public:
  constexpr DataRate() = default;
  static constexpr DataRate bitsPerSecond(int64_t value) { return DataRate(value); }
  static constexpr DataRate kilobitsPerSecond(int64_t value) { return DataRate(value * 1'000); }
  static constexpr DataRate zero() { return DataRate(0); }
  static constexpr DataRate infinite() { return DataRate(std::numeric_limits<int64_t>::max() / 4); }
  constexpr int64_t bps() const { return bps_; }

  constexpr auto operator<=>(const DataRate&) const = default;
  constexpr DataRate operator+(DataRate other) const { return DataRate(bps_ + other.bps_); }
  constexpr DataRate operator-(DataRate other) const { return DataRate(bps_ - other.bps_); }
  constexpr DataRate& operator+=(DataRate other) { return bps_ += other.bps_, *this; }
  /// Scales by a ratio; `factor` in 0..1000 is exact to one bit per second at real-life rates.
  constexpr DataRate operator*(double factor) const {
    return DataRate(static_cast<int64_t>(static_cast<double>(bps_) * factor));
  }

 private:
  constexpr explicit DataRate(int64_t bps) : bps_(bps) {}
  int64_t bps_ = 0;
};

/// Rounds down to whole bytes. Safe for rates to 10 Tb/s over an hour.
constexpr DataSize operator*(DataRate rate, TimeDelta duration) {
  return DataSize::bytes(
      static_cast<int64_t>(static_cast<double>(rate.bps()) * static_cast<double>(duration.us()) / 8e6));
}
/// `duration` must be positive.
constexpr DataRate operator/(DataSize size, TimeDelta duration) {
  return DataRate::bitsPerSecond(
      static_cast<int64_t>(static_cast<double>(size.bytes()) * 8e6 / static_cast<double>(duration.us())));
}
/// `rate` must be positive.
constexpr TimeDelta operator/(DataSize size, DataRate rate) {
  return TimeDelta::micros(
      static_cast<int64_t>(static_cast<double>(size.bytes()) * 8e6 / static_cast<double>(rate.bps())));
}

}  // namespace sotto::base
