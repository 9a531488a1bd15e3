// The ranks of a distributed training, as JavaScript sees them. All waiting for other ranks is done
// by a thread of its own.
#include "native/addon/cluster.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "native/addon/convert.h"
#include "native/addon/worker.h"
#include "native/distributed/end_process.h"
#include "native/distributed/mpi.h"
#include "native/engine/tree_sum.h"
#include "native/engine/work_queue.h"

namespace neurode::addon {
namespace {

using Flag = std::shared_ptr<std::atomic<bool>>;

// The ranks and their thread belong to the process, and one environment of it uses them.
struct Process {
  std::mutex mutex;
  napi_env owner = nullptr;      // the environment that joins, or has joined
  std::shared_ptr<Ranks> ranks;  // null: not joined, or alone
  WorkQueue queue;
  std::atomic<int> waiting{0};  // calls whose work has not ended
};

// Never destroyed, because threads of an exiting process may still use it.
Process& process() {
  static auto* const only = new Process;
  return *only;
}

std::shared_ptr<Ranks> ranks() {
  const std::lock_guard lock(process().mutex);
  if (!process().ranks) throw Error("ERR_DISTRIBUTED", "this process has joined no other ranks");
  return process().ranks;
}

// What each rank says in an exchange. Short contents travel along.
struct Message {
  std::uint64_t bytes = 0;
  std::uint8_t failed = 0;
  char topic[47] = "";
  char begin[200];
};

struct Said {
  std::string topic;
  bool failed;
  std::vector<char> contents;
};

// All ranks call this at the same time, with contents of any size. Returns what each said.
std::vector<Said> exchange(Ranks& ranks, const Said& own, const std::atomic<bool>& cancelled) {
  ranks.wait_for_all(cancelled);
  Message message;
  message.bytes = own.contents.size();
  message.failed = own.failed;
  own.topic.copy(message.topic, sizeof(message.topic) - 1);
  std::copy_n(own.contents.begin(), std::min(own.contents.size(), sizeof(message.begin)),
              message.begin);
  std::vector<Message> messages(ranks.size());
  ranks.all_gather(&message, messages.data(), sizeof(message));
  std::vector<Said> all;
  for (int r = 0; r < ranks.size(); ++r) {
    const Message& each = messages[r];
    Said said{each.topic, each.failed != 0, {}};
    if (each.bytes <= sizeof(each.begin)) {
      said.contents.assign(each.begin, each.begin + each.bytes);
    } else {
      said.contents = r == ranks.rank() ? own.contents : std::vector<char>(each.bytes);
      ranks.broadcast(said.contents.data(), each.bytes, r);
    }
    all.push_back(std::move(said));
  }
  return all;
}

Napi::Value to_facts(Napi::Env env, const Ranks* ranks) {
  Napi::Object facts = Napi::Object::New(env);
  facts.Set("rank", ranks != nullptr ? ranks->rank() : 0);
  facts.Set("size", ranks != nullptr ? ranks->size() : 1);
  facts.Set("localRank", ranks != nullptr ? ranks->local_rank() : 0);
  facts.Set("hosts", ranks != nullptr ? ranks->hosts() : 1);
  if (ranks != nullptr) facts.Set("library", ranks->library());
  return facts;
}

// Gives work to the thread that waits for other ranks.
Napi::Promise submit(Napi::Env env, std::function<void(const std::atomic<bool>&)> work,
                     std::function<Napi::Value(Napi::Env)> result) {
  const Flag cancelled = std::make_shared<std::atomic<bool>>(false);
  const auto hand_over = [](Worker::Work run) {
    process().queue.push(std::move(run));
    ++process().waiting;
  };
  const auto counted = [work = std::move(work), cancelled] {
    // Before JavaScript hears of the end.
    struct End {
      ~End() { --process().waiting; }
    } const end;
    work(*cancelled);
  };
  return env.GetInstanceData<AddonData>()->worker.submit(env, hand_over, Napi::Object::New(env),
                                                         counted, std::move(result),
                                                         [cancelled] { *cancelled = true; });
}

// (): a promise of { rank, size, localRank, hosts, library }; alone, where no launcher is found.
Napi::Value join_cluster(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guard(env, [&]() -> Napi::Value {
    const mpi::Launcher launcher = mpi::find_launcher();
    const bool is_alone = launcher.kind == mpi::Launcher::Kind::none;
    if (!is_alone) {
      const std::lock_guard lock(process().mutex);
      if (process().owner != nullptr && process().owner != static_cast<napi_env>(env))
        throw Error("ERR_DISTRIBUTED", "another thread of this process has joined the ranks");
      process().owner = env;
      mpi::keep_signals();
    }
    const auto joined = std::make_shared<std::shared_ptr<Ranks>>();
    return submit(
        env,
        [joined, launcher, is_alone](const std::atomic<bool>&) {
          if (is_alone) return;
          if (!process().ranks) {
            auto ranks = mpi::join(launcher);
            const std::lock_guard lock(process().mutex);
            process().ranks = std::move(ranks);
          }
          *joined = process().ranks;
        },
        [joined](Napi::Env env) { return to_facts(env, joined->get()); });
  });
}

// (): how many ranks a launcher started; 2 where it does not say how many.
Napi::Value launched_ranks(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    const mpi::Launcher launcher = mpi::find_launcher();
    const bool is_alone = launcher.kind == mpi::Launcher::Kind::none;
    const int ranks = is_alone ? 1 : launcher.size < 0 ? 2 : launcher.size;
    return Napi::Number::New(info.Env(), ranks);
  });
}

// (topic, failed, contents): a promise of what each rank said, in an object { topic, failed,
// contents }. All ranks call it.
Napi::Value exchange_with_ranks(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guard(env, [&]() -> Napi::Value {
    const auto ranks = addon::ranks();
    const Elements contents = to_elements(info[2], "contents");
    if (contents.type != ElementType::uint8)
      throw Error("ERR_ARGUMENT", "contents: expected a Uint8Array");
    const auto* const bytes = static_cast<const char*>(contents.data);
    const Said own{to_text(info[0], "topic"), to_bool(info[1], "failed"),
                   std::vector<char>(bytes, bytes + contents.count)};
    const auto all = std::make_shared<std::vector<Said>>();
    return submit(
        env,
        [ranks, own, all](const std::atomic<bool>& cancelled) {
          *all = exchange(*ranks, own, cancelled);
        },
        [all](Napi::Env env) -> Napi::Value {
          Napi::Array said = Napi::Array::New(env, all->size());
          for (const Said& each : *all) {
            Napi::Object object = Napi::Object::New(env);
            object.Set("topic", each.topic);
            object.Set("failed", Napi::Boolean::New(env, each.failed));
            object.Set("contents",
                       Napi::Buffer<char>::Copy(env, each.contents.data(), each.contents.size()));
            said.Set(static_cast<std::uint32_t>(&each - all->data()), object);
          }
          return said;
        });
  });
}

// (floats, repetitions): a promise of the seconds that each exchange of so many gradients takes,
// and of those of its additions alone, in an object { exchange, additions }. All ranks call it.
Napi::Value measure_exchange(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guard(env, [&]() -> Napi::Value {
    using Seconds = std::vector<double>;
    const auto ranks = addon::ranks();
    const std::int64_t slice =
        (to_integer(info[0], "floats", 1, std::int64_t{1} << 34) - 1) / ranks->size() + 1;
    const std::int64_t repetitions = to_integer(info[1], "repetitions", 1, 1 << 20);
    const auto exchange = std::make_shared<Seconds>(), additions = std::make_shared<Seconds>();
    const auto measure = [=](Seconds& seconds, const auto& work) {
      for (std::int64_t i = 0; i < repetitions; ++i) {
        const auto start = std::chrono::steady_clock::now();
        work();
        const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
        seconds.push_back(taken.count());
      }
    };
    return submit(
        env,
        [=](const std::atomic<bool>& cancelled) {
          ranks->wait_for_all(cancelled);
          const std::int64_t count = slice * ranks->size();
          std::vector<float> sums(count), received(count);
          measure(*exchange, [&] { sum_over_ranks(*ranks, sums.data(), received.data(), count); });
          measure(*additions, [&] { tree_sum(received.data(), ranks->size(), slice); });
        },
        [=](Napi::Env env) -> Napi::Value {
          const auto to_array = [&](const Seconds& seconds) {
            auto array = Napi::Float64Array::New(env, seconds.size());
            std::copy(seconds.begin(), seconds.end(), array.Data());
            return array;
          };
          Napi::Object measured = Napi::Object::New(env);
          measured.Set("exchange", to_array(*exchange));
          measured.Set("additions", to_array(*additions));
          return measured;
        });
  });
}

// (seconds): how long a call may wait for other ranks.
void set_timeout(const Napi::CallbackInfo& info) {
  guard(info.Env(), [&] { ranks()->set_timeout(to_number(info[0], "seconds")); });
}

// (status): ends this process and the other ranks.
void abort_cluster(const Napi::CallbackInfo& info) {
  guard(info.Env(),
        [&] { ranks()->end_all(static_cast<int>(to_integer(info[0], "status", 1, 255))); });
}

// Finalizes MPI if all ranks exit; otherwise says why not, and returns false.
bool leave(Ranks& ranks, const std::atomic<bool>& cancelled) {
  for (const Said& said : exchange(ranks, {"exit", false, {}}, cancelled)) {
    if (said.topic == "exit") continue;
    const std::string line = "rank " + std::to_string(ranks.rank()) +
                             " exits while others are at '" + said.topic + "', so all ranks end";
    report(line.c_str());
    return false;
  }
  ranks.finalize();
  return true;
}

// (seconds): to be called as the process exits. Waits so long for the other ranks to exit as well;
// then it finalizes MPI. Returns whether it did.
Napi::Value leave_cluster(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    const auto ranks = addon::ranks();
    const double seconds = to_number(info[0], "seconds");
    const auto left = [&] {
      // The thread of the ranks may outlive this call.
      const auto has_left = std::make_shared<std::promise<bool>>();
      const Flag cancelled = std::make_shared<std::atomic<bool>>(false);
      process().queue.push([ranks, has_left, cancelled] {
        try {
          has_left->set_value(leave(*ranks, *cancelled));
        } catch (const std::exception&) {
          has_left->set_value(false);
        }
      });
      auto result = has_left->get_future();
      const std::chrono::duration<double> limit(seconds);
      if (result.wait_for(limit) == std::future_status::timeout) *cancelled = true;
      return result.get();
    };
    return Napi::Boolean::New(info.Env(), process().waiting == 0 && left());
  });
}

}  // namespace

std::shared_ptr<Transport> ranks_of_process() { return ranks(); }

void define_cluster(Napi::Env env, Napi::Object exports) {
  exports.Set("joinCluster", Napi::Function::New<join_cluster>(env, "joinCluster"));
  exports.Set("launchedRanks", Napi::Function::New<launched_ranks>(env, "launchedRanks"));
  exports.Set("exchange", Napi::Function::New<exchange_with_ranks>(env, "exchange"));
  exports.Set("measureExchange", Napi::Function::New<measure_exchange>(env, "measureExchange"));
  exports.Set("setRankTimeout", Napi::Function::New<set_timeout>(env, "setRankTimeout"));
  exports.Set("abortCluster", Napi::Function::New<abort_cluster>(env, "abortCluster"));
  exports.Set("leaveCluster", Napi::Function::New<leave_cluster>(env, "leaveCluster"));
}

}  // namespace neurode::addon
