// CPU limits of containers, read from trees of files such as those of Docker, Kubernetes and
// systemd.
#include "native/cpu/cgroup.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "test/native/check.h"

namespace neurode {
namespace {

struct File {
  const char* path;
  const char* text;
};

struct Case {
  const char* name;
  std::vector<File> files;
  int cores;
};

const char* kVersion2 =
    "22 1 254:1 / / rw,relatime - ext4 /dev/vda1 rw\n"
    "31 22 0:27 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
const char* kVersion1 =
    "31 22 0:27 / /sys/fs/cgroup rw,nosuid - tmpfs tmpfs ro,mode=755\n"
    "33 31 0:29 / /sys/fs/cgroup/cpuset rw shared:8 - cgroup cgroup rw,cpuset\n"
    "34 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n";
// Version 1 has the controllers. Version 2 is mounted too, but has no controllers.
const char* kBoth =
    "34 31 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
    "35 31 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"no files at all", {}, 0},
      {"version 2, a namespace of its own",
       {{"proc/self/mountinfo", kVersion2},
        {"proc/self/cgroup", "0::/\n"},
        {"sys/fs/cgroup/cpu.max", "200000 100000\n"}},
       2},
      {"version 2, no limit",
       {{"proc/self/mountinfo", kVersion2},
        {"proc/self/cgroup", "0::/\n"},
        {"sys/fs/cgroup/cpu.max", "max 100000\n"}},
       0},
      {"version 2, one and a half cores are two threads",
       {{"proc/self/mountinfo", kVersion2},
        {"proc/self/cgroup", "0::/\n"},
        {"sys/fs/cgroup/cpu.max", "150000 100000\n"}},
       2},
      {"version 2, a tenth of a core is one thread",
       {{"proc/self/mountinfo", kVersion2},
        {"proc/self/cgroup", "0::/\n"},
        {"sys/fs/cgroup/cpu.max", "10000 100000\n"}},
       1},
      {"version 2, a service whose slice is limited more",
       {{"proc/self/mountinfo", kVersion2},
        {"proc/self/cgroup", "0::/system.slice/training.service\n"},
        {"sys/fs/cgroup/system.slice/cpu.max", "300000 100000\n"},
        {"sys/fs/cgroup/system.slice/training.service/cpu.max", "800000 100000\n"}},
       3},
      {"version 1, no limit",
       {{"proc/self/mountinfo", kVersion1},
        {"proc/self/cgroup", "4:cpu,cpuacct:/\n1:name=systemd:/\n"},
        {"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n"},
        {"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"}},
       0},
      {"version 1, a group on the host",
       {{"proc/self/mountinfo", kVersion1},
        {"proc/self/cgroup", "5:cpuset:/other\n4:cpu,cpuacct:/batch/job\n"},
        {"sys/fs/cgroup/cpu,cpuacct/batch/job/cpu.cfs_quota_us", "250000\n"},
        {"sys/fs/cgroup/cpu,cpuacct/batch/job/cpu.cfs_period_us", "50000\n"},
        {"sys/fs/cgroup/cpu,cpuacct/batch/cpu.cfs_quota_us", "-1\n"},
        {"sys/fs/cgroup/cpu,cpuacct/batch/cpu.cfs_period_us", "100000\n"}},
       5},
      {"version 1, a container that sees its own group alone",
       {{"proc/self/mountinfo",
         "34 31 0:30 /docker/4af1 /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n"},
        {"proc/self/cgroup", "4:cpu,cpuacct:/docker/4af1\n"},
        {"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "400000\n"},
        {"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"}},
       4},
      {"version 1, a container that is told a name it cannot see",
       {{"proc/self/mountinfo",
         "34 31 0:30 /docker/4af1 /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n"},
        {"proc/self/cgroup", "4:cpu:/docker/4af1b\n"},
        {"sys/fs/cgroup/cpu/cpu.cfs_quota_us", "700000\n"},
        {"sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}},
       7},
      {"both versions",
       {{"proc/self/mountinfo", kBoth},
        {"proc/self/cgroup", "4:cpu:/pod\n0::/pod\n"},
        {"sys/fs/cgroup/cpu/pod/cpu.cfs_quota_us", "600000\n"},
        {"sys/fs/cgroup/cpu/pod/cpu.cfs_period_us", "100000\n"}},
       6},
      {"files that make no sense",
       {{"proc/self/mountinfo", "31 22 0:27\n - \n31 22 0:27 / /sys/fs/cgroup rw - cgroup2\n"},
        {"proc/self/cgroup", "0:\n\n:::\n"},
        {"sys/fs/cgroup/cpu.max", "many\n"}},
       0},
  };
  return all;
}

void check(const Case& c, const std::filesystem::path& root) {
  for (const File& file : c.files) {
    std::filesystem::create_directories((root / file.path).parent_path());
    std::ofstream(root / file.path) << file.text;
  }
  const int cores = cpu::cgroup_cores(root.string());
  CHECK_THAT(cores == c.cores, "%s: %d cores instead of %d", c.name, cores, c.cores);
}

TEST_CASE("cores that containers may use") {
  std::string folder = (std::filesystem::temp_directory_path() / "neurode-XXXXXX").string();
  REQUIRE(mkdtemp(folder.data()) != nullptr);
  const std::filesystem::path top = folder;
  for (std::size_t i = 0; i < cases().size(); ++i) check(cases()[i], top / std::to_string(i));
  std::filesystem::remove_all(top);
}

}  // namespace
}  // namespace neurode
