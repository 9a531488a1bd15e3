// Reads the small text files in which the system describes itself.
#include "native/cpu/system_files.h"

#include <algorithm>
#include <cstdio>
#include <memory>

namespace neurode::cpu {

std::string read_text(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                             &std::fclose);
  std::string text;
  if (!file) return text;
  char part[1024];
  while (const std::size_t size = std::fread(part, 1, sizeof part, file.get()))
    text.append(part, size);
  return text;
}

std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

std::string_view take_word(std::string_view& text) {
  constexpr std::string_view kSpaces = " \t\r\n";
  text.remove_prefix(std::min(text.find_first_not_of(kSpaces), text.size()));
  const std::string_view word = text.substr(0, text.find_first_of(kSpaces));
  text.remove_prefix(word.size());
  return word;
}

std::string read_word(const std::string& path) {
  const std::string text = read_text(path);
  std::string_view rest = text;
  return std::string(take_word(rest));
}

}  // namespace neurode::cpu
