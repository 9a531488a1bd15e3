// Reads the symbol table of the library that contains this code: names of kernels, and their
// __shared__ variables.
#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

#include "tools/cuda-emulator/state.h"

namespace neurode::emulator {

thread_local char shared_anchor = 0;

namespace {

struct Symbols {
  std::map<std::uintptr_t, std::string> functions;
  std::vector<SharedVariable> shared;
  std::size_t anchor = 0;
  bool found = false;
};

bool starts_with(const char* text, const char* prefix) {
  return std::strncmp(text, prefix, std::strlen(prefix)) == 0;
}

void read_table(const char* file, std::size_t bytes, std::uintptr_t base, Symbols& symbols) {
  const auto& header = *reinterpret_cast<const Elf64_Ehdr*>(file);
  if (bytes < sizeof header || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_ident[EI_CLASS] != ELFCLASS64) {
    return;
  }
  const auto* sections = reinterpret_cast<const Elf64_Shdr*>(file + header.e_shoff);
  for (int i = 0; i < header.e_shnum; ++i) {
    if (sections[i].sh_type != SHT_SYMTAB) continue;
    const auto* symbol = reinterpret_cast<const Elf64_Sym*>(file + sections[i].sh_offset);
    const auto* end = symbol + sections[i].sh_size / sizeof *symbol;
    const char* names = file + sections[sections[i].sh_link].sh_offset;
    for (; symbol != end; ++symbol) {
      const char* name = names + symbol->st_name;
      const int type = ELF64_ST_TYPE(symbol->st_info);
      if (type == STT_FUNC && symbol->st_shndx != SHN_UNDEF) {
        symbols.functions.emplace((header.e_type == ET_DYN ? base : 0) + symbol->st_value, name);
      } else if (type == STT_TLS &&
                 std::strcmp(name, "_ZN7neurode8emulator13shared_anchorE") == 0) {
        symbols.anchor = symbol->st_value;
        symbols.found = true;
      } else if (type == STT_TLS && starts_with(name, "_ZZ") &&
                 !starts_with(name, "_ZZN7neurode8emulator") && !starts_with(name, "_ZZNSt") &&
                 !starts_with(name, "_ZZSt")) {
        symbols.shared.push_back({symbol->st_value, symbol->st_size, name});
      }
    }
  }
}

Symbols read_symbols() {
  Symbols symbols;
  Dl_info library{};
  if (dladdr(reinterpret_cast<const void*>(&kernel_name), &library) == 0) return symbols;
  // The program's own name may be relative to a folder that was the current folder at its start.
  int file = open(library.dli_fname, O_RDONLY | O_CLOEXEC);
  if (file < 0) file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (file >= 0 && fstat(file, &status) == 0) {
    void* memory = mmap(nullptr, std::size_t(status.st_size), PROT_READ, MAP_PRIVATE, file, 0);
    if (memory != MAP_FAILED) {
      read_table(static_cast<const char*>(memory), std::size_t(status.st_size),
                 reinterpret_cast<std::uintptr_t>(library.dli_fbase), symbols);
      munmap(memory, std::size_t(status.st_size));
    }
  }
  if (file >= 0) close(file);
  if (!symbols.found) {
    complain(
        "no symbol table (a stripped library?): shared memory is not checked for reads before "
        "writes");
    symbols.shared.clear();
  }
  return symbols;
}

const Symbols& symbols() {
  static const Symbols table = read_symbols();
  return table;
}

}  // namespace

std::string kernel_symbol(const void* kernel) {
  const auto found = symbols().functions.find(reinterpret_cast<std::uintptr_t>(kernel));
  return found == symbols().functions.end() ? "" : found->second;
}

std::string kernel_name(const void* kernel) {
  const std::string symbol = kernel_symbol(kernel);
  char* readable = abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, nullptr);
  char address[32];
  std::snprintf(address, sizeof address, "at %p", kernel);
  const std::string name = readable != nullptr ? readable : symbol.empty() ? address : symbol;
  std::free(readable);
  // The name without the parameters.
  const std::size_t end = name.rfind('(');
  return end == std::string::npos || end == 0 ? name : name.substr(0, end);
}

const std::vector<SharedVariable>& shared_variables() { return symbols().shared; }

char* thread_local_block() { return &shared_anchor - symbols().anchor; }

}  // namespace neurode::emulator
