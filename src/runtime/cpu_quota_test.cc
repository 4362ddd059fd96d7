#include "runtime/cpu_quota.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

namespace weft {
namespace {

namespace fs = std::filesystem;

/// A root folder with a proc of its own and control groups as files.
class CpuQuota : public testing::Test {
 protected:
  CpuQuota() : root_(fs::path(testing::TempDir()) / ("quota_" + name())) {
    fs::remove_all(root_);
    write("proc/self/mountinfo", "22 1 0:20 / / rw - ext4 /dev/sda1 rw\n");
  }
  ~CpuQuota() override { fs::remove_all(root_); }

  static std::string name() {
    return testing::UnitTest::GetInstance()->current_test_info()->name();
  }
  void write(const std::string& file, const std::string& text) const {
    const fs::path path = root_ / file;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::app) << text;
  }
  void mount(const std::string& top, const std::string& point, bool unified) const {
    write("proc/self/mountinfo",
          "31 22 0:28 " + top + " " + point + " rw,relatime shared:9 - " +
              (unified ? "cgroup2 cgroup2 rw\n" : "cgroup cgroup rw,cpu,cpuacct\n"));
  }
  void group(const std::string& line) const { write("proc/self/cgroup", line + "\n"); }
  void v1(const std::string& folder, const std::string& quota) const {
    write(folder + "/cpu.cfs_quota_us", quota + "\n");
    write(folder + "/cpu.cfs_period_us", "100000\n");
  }
  double quota() const { return cpu_quota(root_).value_or(-1); }

  fs::path root_;
};

TEST_F(CpuQuota, NoneWithoutControlGroups) {
  EXPECT_EQ(quota(), -1);
  fs::remove_all(root_);
  EXPECT_EQ(quota(), -1);
}

TEST_F(CpuQuota, VersionTwo) {
  mount("/", "/sys/fs/cgroup", true);
  group("0::/user.slice/job");
  write("sys/fs/cgroup/user.slice/job/cpu.max", "50000 100000\n");
  EXPECT_EQ(quota(), 0.5);
}

TEST_F(CpuQuota, VersionTwoWithoutLimit) {
  mount("/", "/sys/fs/cgroup", true);
  group("0::/job");
  write("sys/fs/cgroup/job/cpu.max", "max 100000\n");
  EXPECT_EQ(quota(), -1);
}

TEST_F(CpuQuota, TheLeastOfAllAbove) {
  mount("/", "/sys/fs/cgroup", true);
  group("0::/pod/container/job");
  write("sys/fs/cgroup/pod/cpu.max", "150000 100000\n");
  write("sys/fs/cgroup/pod/container/cpu.max", "400000 100000\n");
  write("sys/fs/cgroup/pod/container/job/cpu.max", "max 100000\n");
  EXPECT_EQ(quota(), 1.5);
}

TEST_F(CpuQuota, VersionOne) {
  mount("/", "/sys/fs/cgroup/cpu", false);
  group("3:cpuset:/other");
  group("1:cpu,cpuacct:/job");
  v1("sys/fs/cgroup/cpu", "-1");
  v1("sys/fs/cgroup/cpu/job", "200000");
  EXPECT_EQ(quota(), 2);
}

TEST_F(CpuQuota, BothVersionsAtOnce) {
  mount("/", "/sys/fs/cgroup/cpu", false);
  mount("/", "/sys/fs/cgroup/unified", true);
  group("1:cpu,cpuacct:/");
  group("0::/");
  v1("sys/fs/cgroup/cpu", "300000");
  write("sys/fs/cgroup/unified/cpu.max", "max 100000\n");
  EXPECT_EQ(quota(), 3);
}

// A container sees its own group at the mount point, under the name that the host gives it.
TEST_F(CpuQuota, TheMountIsTheContainersOwnGroup) {
  mount("/docker/abc", "/sys/fs/cgroup/cpu", false);
  group("1:cpu,cpuacct:/docker/abc/job");
  v1("sys/fs/cgroup/cpu", "100000");
  v1("sys/fs/cgroup/cpu/job", "-1");
  EXPECT_EQ(quota(), 1);
}

TEST_F(CpuQuota, ANamespaceOfItsOwn) {
  mount("/", "/sys/fs/cgroup", true);
  group("0::/");
  write("sys/fs/cgroup/cpu.max", "25000 50000\n");
  EXPECT_EQ(quota(), 0.5);
}

TEST_F(CpuQuota, OutsideOfWhatIsMounted) {
  mount("/", "/sys/fs/cgroup", true);
  group("0::/../other");
  write("sys/fs/cgroup/cpu.max", "100000 100000\n");
  write("sys/fs/other/cpu.max", "10000 100000\n");
  EXPECT_EQ(quota(), 1);
}

TEST_F(CpuQuota, MountPointsWithSpaces) {
  mount("/", "/my\\040groups", true);
  group("0::/job");
  write("my groups/job/cpu.max", "70000 100000\n");
  EXPECT_EQ(quota(), 0.7);
}

TEST_F(CpuQuota, NonsenseIsNoLimit) {
  mount("/", "/sys/fs/cgroup", true);
  group("0::/job");
  group("no colon");
  write("proc/self/mountinfo", "short line\n- - -\n");
  write("sys/fs/cgroup/job/cpu.max", "-5 0\n");
  EXPECT_EQ(quota(), -1);
}

}  // namespace
}  // namespace weft
