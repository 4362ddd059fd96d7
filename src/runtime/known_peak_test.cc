#include "runtime/known_peak.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace weft {
namespace {

/// Measurements that come out as told, one after the other.
struct Measurements {
  std::vector<double> rates;
  size_t made = 0;
  KnownPeak::Measure function() {
    return [this](double seconds) {
      EXPECT_LE(seconds, 0.2);
      return rates.at(std::min(made++, rates.size() - 1));
    };
  }
};

TEST(KnownPeak, IsMeasuredOnce) {
  Measurements m{{100, 200}};
  KnownPeak peak;
  peak.require(m.function());
  EXPECT_EQ(peak.share(50, 1, m.function()), 0.5);
  EXPECT_EQ(peak.share(100, 1, m.function()), 1);
  EXPECT_EQ(m.made, 1u);
  EXPECT_EQ(peak.gflops(), 100);
}

TEST(KnownPeak, AnExceededOneIsMeasuredAgain) {
  Measurements m{{100, 200}};
  KnownPeak peak;
  EXPECT_EQ(peak.share(150, 1, m.function()), 0.75);
  EXPECT_EQ(peak.gflops(), 200);
  EXPECT_EQ(peak.share(50, 1, m.function()), 0.25);
}

TEST(KnownPeak, TheLargerCounts) {
  Measurements m{{100, 80}};
  KnownPeak peak;
  EXPECT_EQ(peak.share(150, 1, m.function()), std::nullopt);
  EXPECT_EQ(peak.gflops(), 100);
}

TEST(KnownPeak, MeasuringStaysAHundredthOfTheTime) {
  Measurements m{{100}};
  KnownPeak peak;
  for (int second = 0; second < 1000; ++second) {
    EXPECT_EQ(peak.share(150, second, m.function()), std::nullopt);
  }
  EXPECT_GE(m.made, 60u);
  EXPECT_LE(m.made, 75u);  // of 0.15 s each
}

TEST(KnownPeak, AGivenOneNeedsNoMeasurement) {
  Measurements m{{100}};
  KnownPeak peak(300);
  peak.require(m.function());
  EXPECT_EQ(peak.share(150, 1, m.function()), 0.5);
  EXPECT_EQ(m.made, 0u);
}

TEST(KnownPeak, WhatCannotBeMeasuredIsNotTriedForEver) {
  Measurements m{{0}};
  KnownPeak peak;
  for (int step = 0; step < 100; ++step) peak.require(m.function());
  EXPECT_EQ(m.made, 1u);
  EXPECT_EQ(peak.share(50, 1, m.function()), std::nullopt);
}

TEST(KnownPeak, NoRateHasNoShare) {
  Measurements m{{100}};
  KnownPeak peak;
  EXPECT_EQ(peak.share(std::nan(""), 1, m.function()), std::nullopt);
}

}  // namespace
}  // namespace weft
