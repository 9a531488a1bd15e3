// Tensors of requests without Node, so that the sanitizers can check them: the grammar of JSON, and
// requests with changed bytes.
#include <bit>
#include <charconv>
#include <cinttypes>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <tuple>
#include <vector>
#include <version>

#include "native/engine/error.h"
#include "native/serve/decimal.h"
#include "native/serve/request_head.h"
#include "native/serve/strict_json.h"
#include "native/serve/tensor_request.h"
#include "test/native/check.h"

namespace neurode::serve {
namespace {

const TensorSpec kSpec{{{"input", {2, 3}, 6}}, {{"output", {2}, 2}}, 4, "maxRows"};

const TensorSpec kSeveral{
    {{"a", {2}, 2}, {"b", {1, 3}, 3}}, {{"x", {1}, 1}, {"y", {2}, 2}}, 4, "maxRows"};

struct Outcome {
  TensorRequest request;
  std::vector<float> values;
  std::string error;
};

Outcome parse(const std::string& body, std::int64_t header_length, bool is_infer,
              const TensorSpec& spec = kSpec) {
  // The memory has exactly the size of the body, so that the sanitizer finds any read after its
  // end.
  const std::vector<char> bytes(body.begin(), body.end());
  const auto room = std::min<std::size_t>(body.size() / 2 + 1, spec.max_rows * spec.input_size());
  Outcome outcome;
  outcome.values.assign(room, -7);
  try {
    outcome.request = is_infer
                          ? read_infer(spec, bytes.data(), bytes.size(), header_length,
                                       outcome.values.data(), static_cast<std::int64_t>(room))
                          : read_predict(spec, bytes.data(), bytes.size(), outcome.values.data(),
                                         static_cast<std::int64_t>(room));
  } catch (const Error& error) {
    CHECK(std::string(error.code) == "ERR_REQUEST");
    outcome.error = error.what();
  }
  return outcome;
}

const std::string kInfer =
    R"({"id":"a\u00e9\n","parameters":{"binary_data_output":false,"other":[1,{"x":null}]},)"
    R"("inputs":[{"name":"input","shape":[2,2,3],"datatype":"FP32","data":[[[1,2,3],[4.5,-5,6e0]],)"
    R"([[7,8,9],[10,11,0.12]]]}],"outputs":[{"name":"output","parameters":{"binary_data":true}}]})";
const std::string kPredict =
    R"({"signature_name":"serving_default","instances":[[[1,2,3],[4,5,6]],)"
    R"({"input":[[7,8,9],[10,11,12]]}]})";

TEST_CASE("requests are read") {
  const Outcome infer = parse(kInfer, -1, true);
  CHECK_THAT(infer.error.empty(), "%s", infer.error.c_str());
  CHECK((infer.request.rows == 2 && infer.request.outputs[0].is_binary && infer.request.has_id));
  CHECK(infer.request.id == "a\xc3\xa9\n");
  CHECK((infer.values[3] == 4.5f && infer.values[5] == 6 && infer.values[11] == 0.12f));
  const Outcome predict = parse(kPredict, -1, false);
  CHECK_THAT(predict.error.empty(), "%s", predict.error.c_str());
  CHECK((predict.request.rows == 2 && predict.request.is_rows && predict.values[11] == 12));
  const std::string header =
      R"({"inputs":[{"name":"input","shape":[1,6],"datatype":"UINT8","parameters":{"binary_data_size":6}}]})";
  const Outcome binary =
      parse(header + "\x01\x02\x03\x04\x05\xff", static_cast<std::int64_t>(header.size()), true);
  CHECK_THAT(binary.error.empty(), "%s", binary.error.c_str());
  CHECK(binary.request.inputs[0].binary_begin == static_cast<std::int64_t>(header.size()));
  const auto deep = [](int levels) { return std::string(levels, '['); };
  CHECK(parse(deep(1'000'000), -1, true).error.size() > 0);
  CHECK(parse("{\"x\":" + deep(1'000'000), -1, true).error.size() > 0);
  CHECK(parse("{\"inputs\":" + deep(1'000'000), -1, false).error.size() > 0);
}

const std::string kSeveralInfer =
    R"({"inputs":[{"name":"b","shape":[2,3],"datatype":"INT8","data":[1,2,3,4,5,6]},)"
    R"({"name":"a","shape":[2,2],"datatype":"FP32","data":[[-1,-2],[-3,-4]]}],)"
    R"("outputs":[{"name":"y","parameters":{"binary_data":true}},{"name":"x"}]})";
const std::string kRecords =
    R"({"instances":[{"b":[[1,2,3]],"a":[-1,-2]},{"a":[-3,-4],"b":[4,5,6]}]})";
const std::string kColumns = R"({"inputs":{"b":[[1,2,3],[4,5,6]],"a":[[-1,-2],[-3,-4]]}})";

TEST_CASE("requests with several tensors are read") {
  const Outcome infer = parse(kSeveralInfer, -1, true, kSeveral);
  CHECK_THAT(infer.error.empty(), "%s", infer.error.c_str());
  const auto& [a, b] = std::tie(infer.request.inputs[0], infer.request.inputs[1]);
  CHECK((infer.request.rows == 2 && a.values_begin == 6 && b.values_begin == 0));
  CHECK((b.datatype == Datatype::int8 && infer.values[5] == 6 && infer.values[9] == -4));
  const std::vector<RequestedOutput>& outputs = infer.request.outputs;
  CHECK((outputs.size() == 2 && outputs[0].index == 1 && outputs[0].is_binary));
  CHECK((outputs[1].index == 0 && !outputs[1].is_binary));
  const Outcome records = parse(kRecords, -1, false, kSeveral);
  CHECK_THAT(records.error.empty(), "%s", records.error.c_str());
  CHECK((records.request.rows == 2 && records.request.is_joined));
  CHECK((records.values == std::vector<float>{-1, -2, 1,  2,  3,  -3, -4, 4,  5,  6,
                                              -7, -7, -7, -7, -7, -7, -7, -7, -7, -7}));
  const Outcome columns = parse(kColumns, -1, false, kSeveral);
  CHECK_THAT(columns.error.empty(), "%s", columns.error.c_str());
  CHECK((columns.request.rows == 2 && columns.request.inputs[0].values_begin == 6));
  const std::string header =
      R"({"inputs":[{"name":"b","shape":[1,3],"datatype":"UINT8","parameters":{"binary_data_size":3}},)"
      R"({"name":"a","shape":[1,2],"datatype":"INT16","parameters":{"binary_data_size":4}}]})";
  const auto size = static_cast<std::int64_t>(header.size());
  const Outcome binary = parse(header + "\x01\x02\x03\x04\x05\x06\x07", size, true, kSeveral);
  CHECK_THAT(binary.error.empty(), "%s", binary.error.c_str());
  CHECK(binary.request.inputs[1].binary_begin == size);
  CHECK(binary.request.inputs[0].binary_begin == size + 3);
}

// Tries every prefix, and many changes of bytes. The result must be an answer or ERR_REQUEST.
TEST_CASE("changed requests are read or refused, and nothing beyond them") {
  std::mt19937 random(3);
  struct Case {
    const std::string& whole;
    bool is_infer;
    const TensorSpec& spec;
  };
  for (const auto& [whole, is_infer, spec] :
       {Case{kInfer, true, kSpec}, Case{kPredict, false, kSpec},
        Case{kSeveralInfer, true, kSeveral}, Case{kRecords, false, kSeveral},
        Case{kColumns, false, kSeveral}}) {
    for (std::size_t size = 0; size < whole.size(); ++size)
      CHECK(!parse(whole.substr(0, size), -1, is_infer, spec).error.empty());
    static constexpr char kBytes[] = "{}[]\",:.-+eE0123456789 tfn\\u\0\x80\xff";
    for (int i = 0; i < 60'000; ++i) {
      std::string changed = whole;
      for (unsigned n = random() % 4 + 1; n > 0; --n) {
        const std::size_t at = random() % changed.size();
        const char byte = random() % 8 == 0 ? static_cast<char>(random())
                                            : kBytes[random() % (sizeof kBytes - 1)];
        switch (random() % 4) {
          case 0:
            changed.erase(at, random() % 8);
            break;
          case 1:
            changed.insert(at, 1, byte);
            break;
          case 2:
            changed.insert(at, changed.substr(random() % changed.size(), random() % 30));
            break;
          default:
            changed[at] = byte;
        }
        if (changed.empty()) changed = " ";
      }
      const auto header = random() % 3 == 0 ? static_cast<std::int64_t>(random() % 400) : -1;
      const Outcome outcome = parse(changed, header, is_infer, spec);
      if (outcome.error.empty())
        CHECK((outcome.request.rows >= 1 && outcome.request.rows <= spec.max_rows));
    }
  }
}

TEST_CASE("rows of one value may be bare numbers") {
  const TensorSpec spec{{{"a", {1}, 1}, {"b", {2}, 2}}, {{"x", {1}, 1}}, 4, "maxRows"};
  const Outcome rows =
      parse(R"({"instances":[{"a":1,"b":[2,3]},{"b":[5,6],"a":[4]}]})", -1, false, spec);
  CHECK(rows.error.empty());
  CHECK(rows.values[0] == 1);
  CHECK(rows.values[3] == 4);
  CHECK(parse(R"({"instances":[{"a":1e9}]})", -1, false, spec).error ==
        "instances[0]: expected a member 'b', got none");
  CHECK(parse(R"({"instances":[{"a":null}]})", -1, false, spec).error ==
        "instances[0].a: expected a number, got null");
}

TEST_CASE("JSON that JavaScript parses is checked") {
  const auto error_of = [](const std::string& text) -> std::string {
    const std::vector<char> bytes(text.begin(), text.end());
    try {
      check_strict_json(bytes.data(), bytes.size());
      return {};
    } catch (const Error& error) {
      CHECK(std::string(error.code) == "ERR_REQUEST");
      return error.what();
    }
  };
  for (const char* const good :
       {R"({"a":[1,{"b":null,"c":"\u00e9"}],"d":{"a":true}})", "[]", "-1.5e3"})
    CHECK(error_of(good).empty());
  CHECK(error_of(R"({"a":[{"b":1,"\u0062":2}]})") ==
        "a[0]: expected each member once, got 'b' twice");
  for (const char* const bad : {"", "{", "[1,]", "{\"a\":\"\xff\"}", "{} {}", "01", "\"\\ud800\""})
    CHECK(!error_of(bad).empty());
  const auto nested = [](int levels) {
    return std::string(static_cast<std::size_t>(levels), '[') +
           std::string(static_cast<std::size_t>(levels), ']');
  };
  CHECK(error_of(nested(64)).empty());
  CHECK(error_of(nested(100'000)).find("at most 64 levels") != std::string::npos);
}

TEST_CASE("elements become float32") {
  const auto converted = [](Datatype type, std::vector<unsigned char> bytes) {
    float value = 0;
    convert(type, reinterpret_cast<const char*>(bytes.data()), 1, &value);
    return value;
  };
  CHECK(converted(Datatype::fp32, {0, 0, 0xc0, 0x3f}) == 1.5f);
  CHECK(converted(Datatype::fp64, {0, 0, 0, 0, 0, 0, 0xf8, 0x3f}) == 1.5f);
  CHECK(converted(Datatype::bf16, {0xc0, 0x3f}) == 1.5f);
  CHECK(converted(Datatype::fp16, {0x00, 0x3e}) == 1.5f);
  CHECK(converted(Datatype::fp16, {0x01, 0x80}) == -0x1p-24f);
  CHECK(converted(Datatype::fp16, {0xff, 0x7b}) == 65504);
  CHECK(std::isinf(converted(Datatype::fp16, {0x00, 0x7c})));
  CHECK(std::isnan(converted(Datatype::fp16, {0x01, 0x7c})));
  CHECK(converted(Datatype::int8, {0xff}) == -1);
  CHECK(converted(Datatype::uint16, {0x01, 0x02}) == 513);
  CHECK(converted(Datatype::int64, {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}) == -2);
}

std::string head_of(const std::string& first, const std::string& fields) {
  return first + "\r\n" + fields + "\r\n";
}

const std::string kFirstLine = "POST /v2/models/net/infer HTTP/1.1";
const std::string kHost = "Host: x\r\n";
const std::string kLength = "Content-Length: 12\r\n";

TEST_CASE("usual heads are read") {
  RequestHead head;
  const std::string text =
      head_of(kFirstLine,
              "hOsT: x\r\nContent-Type: application/json; charset=utf-8\r\n"
              "CONTENT-LENGTH:\t0012 \r\nInference-Header-Content-Length: 7\r\n"
              "Authorization: Bearer a.b\r\nAccept: */*\r\nX-Empty:\r\n"
              "Connection: Keep-Alive\r\n");
  const std::string whole = text + "{\"inputs\":";
  CHECK_THAT(read_request_head(whole, head), "the usual head was refused");
  CHECK_THAT(head.size == text.size(), "size %zu", head.size);
  CHECK_THAT(head.protocol == Protocol::v2 && head.model == "net" && head.version.empty(),
             "another address");
  CHECK_THAT(head.content_length == 12 && head.tensor_header_length == 7, "other lengths");
  CHECK_THAT(head.authorization == "Bearer a.b", "another authorization");
  CHECK_THAT(head.host == "x" && head.whole_size() == text.size() + 12, "another host or size");
  for (std::size_t size = 0; size < text.size(); ++size) {
    const auto part = std::string_view(text).substr(0, size);
    CHECK_THAT(!read_request_head(part, head), "taken for whole at %zu bytes", size);
    CHECK_THAT(is_head_beginning(part), "no beginning at %zu bytes", size);
  }

  struct Target {
    const char* path;
    Protocol protocol;
    const char* model;
    const char* version;
  };
  for (const Target& target :
       {Target{"/v2/models/a.b-c_1/versions/12/infer", Protocol::v2, "a.b-c_1", "12"},
        Target{"/v1/models/m:predict", Protocol::v1, "m", ""},
        Target{"/v1/models/m/versions/3:predict", Protocol::v1, "m", "3"}}) {
    const std::string first = std::string("POST ") + target.path + " HTTP/1.1";
    const std::string text = head_of(first, kHost + kLength);
    CHECK_THAT(read_request_head(text, head), "%s: refused", target.path);
    CHECK_THAT(head.protocol == target.protocol && head.model == target.model &&
                   head.version == target.version && head.tensor_header_length == -1,
               "%s: another address", target.path);
  }
}

TEST_CASE("foreign heads are left to others") {
  RequestHead head;
  for (const char* first :
       {"GET /v2/models/net/infer HTTP/1.1", "POST /v2/models/net/infer HTTP/1.0",
        "POST  /v2/models/net/infer HTTP/1.1", "POST /v2/models/net/infer  HTTP/1.1",
        "POST /v2/models/net/infer?x=1 HTTP/1.1", "POST /v2/models/n%65t/infer HTTP/1.1",
        "POST /v2/models//infer HTTP/1.1", "POST /v2/models/a/b/infer HTTP/1.1",
        "POST /v2/models/net HTTP/1.1", "POST /v2/models/net/ready HTTP/1.1",
        "POST /v2/models/net/infer/ HTTP/1.1", "POST /v2/models/net/versions//infer HTTP/1.1",
        "POST /v1/models/net HTTP/1.1", "POST /v1/models/net:classify HTTP/1.1",
        "POST /v1/models/net/infer HTTP/1.1", "POST /v2/models/net:predict HTTP/1.1",
        "post /v2/models/net/infer HTTP/1.1", "POST http://x/v2/models/net/infer HTTP/1.1"}) {
    CHECK_THAT(!read_request_head(head_of(first, kHost + kLength), head), "taken: %s", first);
  }
  const std::string longest(100, 'm');
  const auto named = [](const std::string& name) {
    return "POST /v2/models/" + name + "/infer HTTP/1.1";
  };
  CHECK_THAT(read_request_head(head_of(named(longest), kHost + kLength), head), "a long name");
  CHECK_THAT(!read_request_head(head_of(named(longest + "m"), kHost + kLength), head),
             "a longer name");
  for (const char* fields :
       {"Content-Length: 12\r\n",
        "Host:\r\nContent-Length: 12\r\n",
        "Host: x\r\n",
        "Host: x\r\nHost: x\r\nContent-Length: 12\r\n",
        "Host: x\r\nContent-Length: 12\r\nContent-Length: 12\r\n",
        "Host: x\r\nContent-Length: -1\r\n",
        "Host: x\r\nContent-Length: +1\r\n",
        "Host: x\r\nContent-Length: 1 2\r\n",
        "Host: x\r\nContent-Length: 1,2\r\n",
        "Host: x\r\nContent-Length: 0x10\r\n",
        "Host: x\r\nContent-Length:\r\n",
        "Host: x\r\nContent-Length: 1000000000000000\r\n",
        "Host: x\r\nContent-Length : 12\r\n",
        " Host: x\r\nContent-Length: 12\r\n",
        "Host: x\nContent-Length: 12\r\n",
        "Host: x\r\nContent-Length: 12\r\n folded\r\n",
        "Host: x\r\nContent-Length: 12\r\n: y\r\n",
        "Host: x\r\nContent-Length: 12\r\nA\x01: y\r\n",
        "Host: x\r\nContent-Length: 12\r\nA: y\x7f\r\n",
        "Host: x\r\nContent-Length: 12\r\nA: \xc3\xa4\r\n",
        "Host: x\r\nContent-Length: 12\r\nTransfer-Encoding: chunked\r\n",
        "Host: x\r\nContent-Length: 12\r\nTransfer-Encoding: identity\r\n",
        "Host: x\r\nContent-Length: 12\r\nContent-Encoding: gzip\r\n",
        "Host: x\r\nContent-Length: 12\r\nExpect: 100-continue\r\n",
        "Host: x\r\nContent-Length: 12\r\nUpgrade: h2c\r\n",
        "Host: x\r\nContent-Length: 12\r\nConnection: close\r\n",
        "Host: x\r\nContent-Length: 12\r\nConnection: keep-alive, upgrade\r\n",
        "Host: x\r\nContent-Length: 12\r\nProxy-Connection: close\r\n",
        "Host: x\r\nContent-Length: 12\r\nContent-Type: {}\r\n",
        "Host: x\r\nContent-Length: 12\r\nContent-Type: application/jsonx\r\n",
        "Host: x\r\nContent-Length: 12\r\nAuthorization:\r\n",
        "Host: x\r\nContent-Length: 12\r\nInference-Header-Content-Length: many\r\n"}) {
    CHECK_THAT(!read_request_head(head_of(kFirstLine, fields), head), "taken: %s", fields);
  }
}

TEST_CASE("changed heads are read or left, and nothing beyond them") {
  const std::string text = head_of(kFirstLine, kHost + kLength + "Accept: */*\r\n");
  std::mt19937 random(7);
  RequestHead head;
  int taken = 0;
  for (int i = 0; i < 200000; ++i) {
    std::string changed = text;
    for (int change = 0; change <= i % 3; ++change)
      changed[random() % changed.size()] = static_cast<char>(random() % 256);
    if (!read_request_head(changed, head)) continue;
    ++taken;
    const char* const begin = changed.data();
    CHECK_THAT(head.size <= changed.size() && changed.compare(head.size - 4, 4, "\r\n\r\n") == 0,
               "does not end with a blank line");
    CHECK_THAT(head.content_length >= 0 && head.model.data() > begin &&
                   head.model.data() + head.model.size() < begin + head.size,
               "what was read lies outside");
  }
  CHECK_THAT(taken > 1000, "only %d were taken", taken);
}

}  // namespace
}  // namespace neurode::serve
