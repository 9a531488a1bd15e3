// Tensors of requests without Node: what the sanitizers watch. Decimals against the C library, the
// grammar of JSON, and requests with bytes changed.
#include <bit>
#include <cinttypes>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "native/engine/error.h"
#include "native/serve/decimal.h"
#include "native/serve/request_head.h"
#include "native/serve/tensor_request.h"
#include "test/native/check.h"

namespace neurode::serve {
namespace {

Decimal read(const std::string& text) {
  return read_decimal(text.data(), text.data() + text.size());
}

bool same(float a, float b) {
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
}

void check_decimal(const std::string& written) {
  const float expected = std::strtof(written.c_str(), nullptr);
  const Decimal got = read(written);
  const bool is_too_large = std::isinf(expected);
  CHECK_THAT(got.error == (is_too_large ? DecimalError::range : DecimalError::none), "%s: error %d",
             written.c_str(), static_cast<int>(got.error));
  CHECK_THAT(got.end == written.data() + written.size(), "%s: not read to its end",
             written.c_str());
  if (!is_too_large)
    CHECK_THAT(same(got.value, expected), "%s: got %.9g, expected %.9g", written.c_str(), got.value,
               expected);
}

TEST_CASE("decimals are read to the nearest float") {
  for (const char* text : {"0",
                           "-0",
                           "0.0",
                           "1",
                           "-1",
                           "0.1",
                           "123456789",
                           "12345678901234567890",
                           "18446744073709551616",
                           "-18446744073709551616",
                           "18446744073709551616.5",
                           "36893488147419103232",
                           "170141183460469231731687303715884105728",
                           "1e10",
                           "1E+10",
                           "1e-10",
                           "0.000000000000000000000000000000000000000000001",
                           "1e-45",
                           "7e-46",
                           "1e-400",
                           "-1e-400",
                           "0e999999999999",
                           "3.4028234663852886e38",
                           "3.4028235677973366e38",
                           "3.4028235677973367e38",
                           "1e39",
                           "1e400",
                           "-1e400",
                           "16777217",
                           "16777219",
                           "16777217.0000000000000000000000000000000001",
                           "0.1000000000000000055511151231257827",
                           "1.17549435e-38",
                           "1.1754943508222875e-38",
                           "1.40129846432481707e-45",
                           "0.00000000000000000000000000000000000000000000070064923216240854",
                           "0.00000000000000000000000000000000000000000000070064923216240853",
                           "9007199254740993",
                           "99999999999999999999999999999999999999",
                           "8589934592.5",
                           "1.00000005960464477539",
                           "1.000000059604644775390625",
                           "1.0000000596046447753906251"}) {
    check_decimal(text);
  }
  std::mt19937_64 random(1);
  char text[64];
  for (int i = 0; i < 300'000; ++i) {
    // Every float, as nine digits, as the double nearest to it, and as what lies halfway to the
    // next.
    const float value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (!std::isfinite(value)) continue;
    std::snprintf(text, sizeof text, "%.9g", value);
    check_decimal(text);
    std::snprintf(text, sizeof text, "%.17g", static_cast<double>(value));
    check_decimal(text);
    const float next = std::nextafter(value, std::numeric_limits<float>::infinity());
    const double middle = (static_cast<double>(value) + static_cast<double>(next)) / 2;
    std::snprintf(text, sizeof text, "%.*g", 10 + static_cast<int>(random() % 12), middle);
    check_decimal(text);
    // Short ones, as people write them, and long ones.
    std::snprintf(text, sizeof text, "%s%" PRIu64 ".%0*" PRIu64, random() % 2 ? "-" : "",
                  static_cast<std::uint64_t>(random() % 1000), 1 + static_cast<int>(random() % 12),
                  static_cast<std::uint64_t>(random() % 1000000000000));
    check_decimal(text);
    std::snprintf(text, sizeof text, "0.%019" PRIu64 "%06d",
                  static_cast<std::uint64_t>(random()) >> 1, static_cast<int>(random() % 1000000));
    check_decimal(text);
    std::snprintf(text, sizeof text, "%" PRIu64 "e%d", static_cast<std::uint64_t>(random()) >> 1,
                  static_cast<int>(random() % 80) - 60);
    check_decimal(text);
  }
  for (const char* wrong : {"", "-", "+1", "01", "-01", "00", ".5", "1.", "1.e5", "--1", "NaN",
                            "Infinity", "-Infinity", "a"}) {
    CHECK_THAT(read(wrong).error == DecimalError::syntax, "'%s' is no number", wrong);
  }
  // The number ends before them, where the grammar has no place for a letter.
  for (const std::string letter : {"1e", "1e+", "1E-"})
    CHECK_THAT(read(letter).end == letter.data() + 1, "'%s' goes on", letter.c_str());
}

TEST_CASE("numbers are written as short as they can be") {
  const auto text_of = [](std::vector<float> values, std::size_t rows) {
    std::string text;
    append_numbers(values.data(), values.size(), rows, text);
    return text;
  };
  CHECK(text_of({0.1f, -2, 1e-7f, 3e38f}, 0) == "0.1,-2,1e-07,3e+38");
  CHECK(text_of({1, 2, 3, 4}, 2) == "[1,2],[3,4]");
  CHECK(text_of({1, 2}, 2) == "[1],[2]");
  CHECK(text_of({NAN, INFINITY, -INFINITY}, 1) == "[null,null,null]");
  std::mt19937 random(2);
  for (int i = 0; i < 200'000; ++i) {
    const float value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (!std::isfinite(value)) continue;
    const std::string written = text_of({value}, 0);
    CHECK_THAT(same(std::strtof(written.c_str(), nullptr), value), "%s is not %.9g",
               written.c_str(), value);
    CHECK_THAT(written.size() <= 15, "%s is long", written.c_str());
  }
}

const TensorSpec kSpec{"input", "output", {2, 3}, 6, 4};

struct Outcome {
  TensorRequest request;
  std::vector<float> values;
  std::string error;
};

Outcome parse(const std::string& body, std::int64_t header_length, bool is_infer) {
  // Exactly the memory there is: the sanitizer sees every byte beyond.
  const std::vector<char> bytes(body.begin(), body.end());
  const auto room = std::min<std::size_t>(body.size() / 2 + 1, kSpec.max_rows * kSpec.input_size);
  Outcome outcome;
  outcome.values.assign(room, -7);
  try {
    outcome.request = is_infer
                          ? read_infer(kSpec, bytes.data(), bytes.size(), header_length,
                                       outcome.values.data(), static_cast<std::int64_t>(room))
                          : read_predict(kSpec, bytes.data(), bytes.size(), outcome.values.data(),
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
  CHECK((infer.request.rows == 2 && infer.request.binary_output && infer.request.has_id));
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
  CHECK(binary.request.binary_begin == static_cast<std::int64_t>(header.size()));
  const auto deep = [](int levels) { return std::string(levels, '['); };
  CHECK(parse(deep(1'000'000), -1, true).error.size() > 0);
  CHECK(parse("{\"x\":" + deep(1'000'000), -1, true).error.size() > 0);
  CHECK(parse("{\"inputs\":" + deep(1'000'000), -1, false).error.size() > 0);
}

// Every prefix, and many changes of bytes: nothing but an answer or ERR_REQUEST.
TEST_CASE("changed requests are read or refused, and nothing beyond them") {
  std::mt19937 random(3);
  for (const bool is_infer : {true, false}) {
    const std::string& whole = is_infer ? kInfer : kPredict;
    for (std::size_t size = 0; size < whole.size(); ++size)
      CHECK(!parse(whole.substr(0, size), -1, is_infer).error.empty());
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
      const Outcome outcome = parse(changed, header, is_infer);
      if (outcome.error.empty())
        CHECK((outcome.request.rows >= 1 && outcome.request.rows <= kSpec.max_rows));
    }
  }
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
