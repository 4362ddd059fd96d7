// The share of the machine's cores that control groups grant a process.
#pragma once

#include <filesystem>
#include <optional>

namespace weft {

/// CPUs' worth of time that this process gets (0.5: half of one): the least quota of its own
/// control group and of every one above, in version 1 (cpu.cfs_quota_us) and 2 (cpu.max), as
/// containers and services set them. Nothing where none is set or none can be read. `root` is where
/// proc and the mounted hierarchies are looked for.
std::optional<double> cpu_quota(const std::filesystem::path& root = "/");

}  // namespace weft
