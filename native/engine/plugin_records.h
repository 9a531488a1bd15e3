// A Program as the plain data that the CUDA library reads.
#pragma once

#include <vector>

#include "native/engine/plugin.h"
#include "native/engine/program.h"

namespace neurode::plugin {

// The records point into the Program, which must outlive them.
class ProgramRecords {
 public:
  explicit ProgramRecords(const Program& program);
  ProgramRecords(const ProgramRecords&) = delete;
  ProgramRecords& operator=(const ProgramRecords&) = delete;

  const ProgramRecord& program() const { return record_; }

 private:
  const std::vector<TaskRecord> predict_, evaluate_, train_;
  std::vector<ParameterRecord> parameters_;
  std::vector<HeadRecord> heads_;
  ProgramRecord record_{};
};

}  // namespace neurode::plugin
