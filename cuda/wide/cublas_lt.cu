// Finds and loads cuBLASLt at run time.
#include <dirent.h>
#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <type_traits>
#include <vector>

#include "cuda/wide/cublas_lt.h"
#include "cuda/wide/cublas_lt_check.h"

namespace neurode::cuda::lt {
namespace {

constexpr const char* kNames[] = {"libcublasLt.so.13", "libcublasLt.so.12"};

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

// Entries of a folder whose names begin with `prefix`, in descending order, so that newer versions
// come first.
std::vector<std::string> entries(const std::string& folder, const std::string& prefix) {
  std::vector<std::string> found;
  if (DIR* const directory = opendir(folder.c_str())) {
    while (const dirent* const entry = readdir(directory)) {
      const std::string name = entry->d_name;
      if (name != "." && name != ".." && name.rfind(prefix, 0) == 0)
        found.push_back(folder + "/" + name);
    }
    closedir(directory);
  }
  std::sort(found.rbegin(), found.rend());
  return found;
}

void add_toolkit(std::vector<std::string>& folders, const std::string& root) {
  for (const std::string& target : entries(root + "/targets", ""))
    folders.push_back(target + "/lib");
  folders.push_back(root + "/lib64");
  folders.push_back(root + "/lib");
}

// Python wheels install each library in its own folder.
void add_environment(std::vector<std::string>& folders, const std::string& root) {
  for (const std::string& python : entries(root + "/lib", "python")) {
    for (const std::string& package : entries(python + "/site-packages/nvidia", ""))
      folders.push_back(package + "/lib");
  }
}

// Folders to search after NEURODE_CUDA_LIB_DIR and after "", which stands for the loader's search
// path.
std::vector<std::string> folders() {
  std::vector<std::string> folders;
  for (const char* const name : {"CUDA_HOME", "CUDA_PATH"}) {
    if (const std::string root = variable(name); !root.empty()) add_toolkit(folders, root);
  }
  for (const std::string& root : entries("/usr/local", "cuda")) add_toolkit(folders, root);
  if (const std::string root = variable("CONDA_PREFIX"); !root.empty()) {
    folders.push_back(root + "/lib");
    add_environment(folders, root);
  }
  if (const std::string root = variable("VIRTUAL_ENV"); !root.empty())
    add_environment(folders, root);
  return folders;
}

Library functions_of(void* handle) {
  Library lt;
  lt.found = true;
  const auto take = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(handle, name));
    lt.found = lt.found && function != nullptr;
  };
  take(lt.create, "cublasLtCreate");
  take(lt.destroy, "cublasLtDestroy");
  take(lt.desc_create, "cublasLtMatmulDescCreate");
  take(lt.desc_destroy, "cublasLtMatmulDescDestroy");
  take(lt.desc_set, "cublasLtMatmulDescSetAttribute");
  take(lt.layout_create, "cublasLtMatrixLayoutCreate");
  take(lt.layout_destroy, "cublasLtMatrixLayoutDestroy");
  take(lt.preference_create, "cublasLtMatmulPreferenceCreate");
  take(lt.preference_destroy, "cublasLtMatmulPreferenceDestroy");
  take(lt.preference_set, "cublasLtMatmulPreferenceSetAttribute");
  take(lt.heuristic, "cublasLtMatmulAlgoGetHeuristic");
  take(lt.matmul, "cublasLtMatmul");
  return lt;
}

// Whether the library works here. A library that is too new for the driver can be loaded, but it
// cannot create a handle. If memory is short, that does not mean that the library is unusable.
bool starts(const Library& lt) {
  Handle handle = nullptr;
  const int status = lt.create(&handle);
  if (status == kSuccess) lt.destroy(handle);
  return status == kSuccess || status == kAllocationFailed;
}

Library open_in(const std::string& folder) {
  for (const char* const name : kNames) {
    const std::string path = folder.empty() ? name : folder + "/" + name;
    void* const handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (handle == nullptr) continue;
    const Library lt = functions_of(handle);
    if (lt.found && starts(lt)) return lt;
  }
  return {};
}

Library load() {
  const std::string wanted = variable("NEURODE_CUDA_LIB_DIR");
  if (wanted == "off") return {};
  std::vector<std::string> places = folders();
  places.insert(places.begin(), "");
  if (!wanted.empty()) places.insert(places.begin(), wanted);
  for (const std::string& place : places) {
    if (const Library lt = open_in(place); lt.found) return lt;
  }
  return {};
}

}  // namespace

const Library& library() {
  // Never destroyed: models may still use it while the process exits.
  static const Library* const found = new Library(load());
  return *found;
}

}  // namespace neurode::cuda::lt
