// The CPU limit of a container, or of a service: what the control groups of this process allow.
#include "native/cpu/cgroup.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string_view>
#include <vector>

#include "native/cpu/system_files.h"

namespace neurode::cpu {
namespace {

constexpr double kNoLimit = std::numeric_limits<double>::infinity();

// Quotas are microseconds of processor time in a period; "max" and -1 stand for none.
double cores_of(const std::string& quota, const std::string& period) {
  const double time = std::strtod(quota.c_str(), nullptr);
  const double each = std::strtod(period.c_str(), nullptr);
  return time > 0 && each > 0 ? time / each : kNoLimit;
}

double quota_of_version_1(const std::string& folder) {
  return cores_of(read_word(folder + "/cpu.cfs_quota_us"),
                  read_word(folder + "/cpu.cfs_period_us"));
}

double quota_of_version_2(const std::string& folder) {
  const std::string text = read_text(folder + "/cpu.max");
  std::string_view rest = text;
  const std::string quota(take_word(rest));
  return cores_of(quota, std::string(take_word(rest)));
}

// Whether a list such as "cpu,cpuacct" names the controller of processor time.
bool names_cpu(std::string_view list) {
  return ("," + std::string(list) + ",").find(",cpu,") != std::string::npos;
}

bool is_below(const std::string& path, const std::string& top) {
  return path.compare(0, top.size(), top) == 0 &&
         (path.size() == top.size() || path[top.size()] == '/');
}

// A line of /proc/self/mountinfo: the part `top` of a hierarchy of groups is seen at `point`.
struct Mount {
  std::string top, point;
  bool is_version_2;
};

std::vector<Mount> cgroup_mounts(const std::string& root) {
  std::vector<Mount> mounts;
  const std::string text = read_text(root + "/proc/self/mountinfo");
  for (std::string_view rest = text; !rest.empty();) {
    std::string_view line = take_line(rest);
    const std::size_t dash = line.find(" - ");
    if (dash == std::string_view::npos) continue;
    std::string_view types = line.substr(dash + 3);
    for (int skipped = 0; skipped < 3; ++skipped) take_word(line);
    const std::string_view top = take_word(line), point = take_word(line);
    const std::string_view type = take_word(types);
    take_word(types);
    const std::string_view options = take_word(types);
    const bool is_version_2 = type == "cgroup2";
    if (is_version_2 || (type == "cgroup" && names_cpu(options)))
      mounts.push_back({std::string(top == "/" ? "" : top), std::string(point), is_version_2});
  }
  return mounts;
}

// The group of this process in the hierarchy of a mount, from a line "id:controllers:path" of
// /proc/self/cgroup; version 2 names no controllers.
std::string group_in(const Mount& mount, const std::string& root) {
  const std::string text = read_text(root + "/proc/self/cgroup");
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = take_line(rest);
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    if (mount.is_version_2 ? controllers.empty() : names_cpu(controllers))
      return std::string(line.substr(second + 1));
  }
  return "";
}

}  // namespace

int cgroup_cores(const std::string& root) {
  double cores = kNoLimit;
  for (const Mount& mount : cgroup_mounts(root)) {
    const auto quota_of = mount.is_version_2 ? quota_of_version_2 : quota_of_version_1;
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
