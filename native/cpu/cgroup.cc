// The CPU limit of a container, or of a service: what the control groups of this process allow.
#include "native/cpu/cgroup.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>
#include <vector>

namespace neurode::cpu {
namespace {

constexpr double kNoLimit = std::numeric_limits<double>::infinity();

// Quotas are microseconds of processor time in a period; "max" and -1 stand for none.
double cores_of(const std::string& quota, double period) {
  const double time = std::strtod(quota.c_str(), nullptr);
  return time > 0 && period > 0 ? time / period : kNoLimit;
}

double quota_of_version_1(const std::string& folder) {
  std::string quota;
  double period = 0;
  std::ifstream(folder + "/cpu.cfs_quota_us") >> quota;
  std::ifstream(folder + "/cpu.cfs_period_us") >> period;
  return cores_of(quota, period);
}

double quota_of_version_2(const std::string& folder) {
  std::string quota;
  double period = 0;
  std::ifstream(folder + "/cpu.max") >> quota >> period;
  return cores_of(quota, period);
}

// Whether a list such as "cpu,cpuacct" names the controller of processor time.
bool names_cpu(const std::string& list) {
  return ("," + list + ",").find(",cpu,") != std::string::npos;
}

bool is_below(const std::string& path, const std::string& top) {
  return path.compare(0, top.size(), top) == 0 &&
         (path.size() == top.size() || path[top.size()] == '/');
}

// A line of /proc/self/mountinfo: the part `top` of a hierarchy of groups is seen at `point`.
struct Mount {
  std::string top, point, type, options;
};

std::vector<Mount> cgroup_mounts(const std::string& root) {
  std::vector<Mount> mounts;
  std::ifstream file(root + "/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    Mount mount;
    std::string skipped;
    std::istringstream(line) >> skipped >> skipped >> skipped >> mount.top >> mount.point;
    std::istringstream(line.substr(dash + 3)) >> mount.type >> skipped >> mount.options;
    if (mount.top == "/") mount.top.clear();
    if (mount.type == "cgroup2" || (mount.type == "cgroup" && names_cpu(mount.options)))
      mounts.push_back(mount);
  }
  return mounts;
}

// The group of this process in the hierarchy of a mount, from a line "id:controllers:path" of
// /proc/self/cgroup; version 2 names no controllers.
std::string group_in(const Mount& mount, const std::string& root) {
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (mount.type == "cgroup2" ? controllers.empty() : names_cpu(controllers))
      return line.substr(second + 1);
  }
  return "";
}

}  // namespace

int cgroup_cores(const std::string& root) {
  double cores = kNoLimit;
  for (const Mount& mount : cgroup_mounts(root)) {
    const auto quota_of = mount.type == "cgroup2" ? quota_of_version_2 : quota_of_version_1;
    // A container may see its own group alone, under the name that it has outside.
    const std::string group = group_in(mount, root);
    std::string path = is_below(group, mount.top) ? group.substr(mount.top.size()) : "";
    if (path == "/") path.clear();
    for (;;) {
      cores = std::min(cores, quota_of(root + mount.point + path));
      const std::size_t slash = path.rfind('/');
      if (slash == std::string::npos) break;
      path.erase(slash);
    }
  }
  return cores == kNoLimit ? 0 : std::max(1, static_cast<int>(std::ceil(std::min(cores, 1e6))));
}

}  // namespace neurode::cpu
