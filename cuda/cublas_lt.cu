// Finds cuBLASLt at run time.
#include <dirent.h>
#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <type_traits>
#include <vector>

#include "cuda/cublas_lt.h"
#include "cuda/cublas_lt_check.h"

namespace neurode::cuda::lt {
namespace {

constexpr const char* kNames[] = {"libcublasLt.so.13", "libcublasLt.so.12"};

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

// Entries of a folder that begin so, in order from the last: newer versions come first.
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

// Wheels keep each library in a folder of its own.
void add_environment(std::vector<std::string>& folders, const std::string& root) {
  for (const std::string& python : entries(root + "/lib", "python")) {
    for (const std::string& package : entries(python + "/site-packages/nvidia", ""))
      folders.push_back(package + "/lib");
  }
}

// Behind NEURODE_CUDA_LIB_DIR and the loader's own.
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

void* open_in(const std::string& folder) {
  for (const char* const name : kNames) {
    const std::string path = folder.empty() ? name : folder + "/" + name;
    if (void* const handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE))
      return handle;
  }
  return nullptr;
}

void* open_anywhere() {
  const std::string wanted = variable("NEURODE_CUDA_LIB_DIR");
  if (wanted == "off") return nullptr;
  if (!wanted.empty()) {
    if (void* const handle = open_in(wanted)) return handle;
  }
  if (void* const handle = open_in("")) return handle;
  for (const std::string& folder : folders()) {
    if (void* const handle = open_in(folder)) return handle;
  }
  return nullptr;
}

Library load() {
  Library lt;
  void* const handle = open_anywhere();
  if (handle == nullptr) return lt;
  bool whole = true;
  const auto take = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(handle, name));
    whole = whole && function != nullptr;
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
  lt.found = whole;
  return lt;
}

}  // namespace

const Library& library() {
  // Never destroyed: models of an exiting process may still use it.
  static const Library* const found = new Library(load());
  return *found;
}

}  // namespace neurode::cuda::lt
