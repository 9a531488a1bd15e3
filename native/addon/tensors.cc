// Reads tensors of requests and writes tensors of responses, for JavaScript.
#include "native/addon/tensors.h"

#include <string>

#include "native/addon/convert.h"
#include "native/addon/worker.h"
#include "native/serve/decimal.h"
#include "native/serve/strict_json.h"
#include "native/serve/tensor_request.h"

namespace neurode::addon {
namespace {

constexpr std::int64_t kMost = (std::int64_t{1} << 53) - 1;

struct Bytes {
  const char* data;
  std::size_t size;
};

Bytes to_bytes(Napi::Value value, const char* name) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
    throw Error("ERR_DTYPE", std::string(name) + ": expected a Buffer");
  const Napi::Uint8Array array = value.As<Napi::Uint8Array>();
  return {reinterpret_cast<const char*>(array.Data()), array.ElementLength()};
}

serve::TensorShape to_tensor_shape(const Napi::Object& value) {
  serve::TensorShape tensor{.name = member(value, "name", to_text)};
  const Napi::Array shape = value.Get("shape").As<Napi::Array>();
  for (std::uint32_t i = 0; i < shape.Length(); ++i) {
    tensor.shape.push_back(to_integer(shape.Get(i), "shape", 1, kMost));
    tensor.size *= tensor.shape.back();
  }
  const Napi::Value alias = value.Get("alias");
  if (!alias.IsUndefined()) tensor.alias = to_text(alias, "alias");
  return tensor;
}

std::vector<serve::TensorShape> to_tensor_shapes(const Napi::Object& spec, const char* name) {
  std::vector<serve::TensorShape> tensors;
  const Napi::Array list = spec.Get(name).As<Napi::Array>();
  for (std::uint32_t i = 0; i < list.Length(); ++i)
    tensors.push_back(to_tensor_shape(to_object(list.Get(i), name)));
  return tensors;
}

// Reading a request returns its number of rows, and stores the rest in `report`: flags; for each
// input the offset of its bytes in the body, or -1 - the index of its first value, and its
// datatype; the number of listed outputs, and 2 * index, plus 1 if it is binary, for each of them.
class TensorReader : public Wrapped<TensorReader> {
 public:
  // ({ inputs: [{ name, shape }], outputs: [{ name, shape }], maxRows, limitName }, report)
  explicit TensorReader(const Napi::CallbackInfo& info) : Wrapped<TensorReader>(info) {
    guard(info.Env(), [&] {
      const Napi::Object spec = to_object(info[0], "spec");
      spec_.inputs = to_tensor_shapes(spec, "inputs");
      spec_.outputs = to_tensor_shapes(spec, "outputs");
      spec_.max_rows = member(spec, "maxRows", to_integer, 1, kMost);
      spec_.limit_name = member(spec, "limitName", to_text);
      const Napi::Float64Array report = info[1].As<Napi::Float64Array>();
      if (report.ElementLength() != 2 + 2 * spec_.inputs.size() + spec_.outputs.size())
        throw Error("ERR_SHAPE", "report: expected room for all inputs and outputs");
      report_ = Napi::Persistent(report);
    });
  }

  // (body, headerLength or -1, values)
  Napi::Value read_infer(const Napi::CallbackInfo& info) {
    return read(info, [&](Bytes body, float* values, std::int64_t room) {
      return serve::read_infer(spec_, body.data, body.size,
                               to_integer(info[1], "headerLength", -1, kMost), values, room);
    });
  }

  // (body, unused, values)
  Napi::Value read_predict(const Napi::CallbackInfo& info) {
    return read(info, [&](Bytes body, float* values, std::int64_t room) {
      return serve::read_predict(spec_, body.data, body.size, values, room);
    });
  }

  // The id of the last request.
  Napi::Value get_id(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), id_); }

 private:
  template <class Read>
  Napi::Value read(const Napi::CallbackInfo& info, Read read) {
    return guard(info.Env(), [&]() -> Napi::Value {
      Napi::Float32Array values = to_floats(info[2], "values");
      serve::TensorRequest request = read(to_bytes(info[0], "body"), values.Data(),
                                          static_cast<std::int64_t>(values.ElementLength()));
      double* report = report_.Value().Data();
      *report++ = (request.has_id ? 1 : 0) | (request.is_rows ? 2 : 0) |
                  (request.is_joined ? 4 : 0) | (request.is_binary ? 8 : 0);
      for (const auto& [binary_begin, datatype, values_begin] : request.inputs) {
        *report++ = static_cast<double>(binary_begin < 0 ? -1 - values_begin : binary_begin);
        *report++ = static_cast<double>(datatype);
      }
      *report++ = static_cast<double>(request.outputs.size());
      for (const auto& [index, is_binary] : request.outputs)
        *report++ = 2 * index + (is_binary ? 1 : 0);
      id_ = std::move(request.id);
      return Napi::Number::New(info.Env(), static_cast<double>(request.rows));
    });
  }

  serve::TensorSpec spec_;
  Napi::Reference<Napi::Float64Array> report_;
  std::string id_;
};

// A tensor in a body, and the floats that it is for: (datatype, body, begin, into).
struct Tensor {
  explicit Tensor(const Napi::CallbackInfo& info)
      : datatype(static_cast<serve::Datatype>(to_integer(info[0], "datatype", 0, 11))),
        body(to_bytes(info[1], "body")),
        begin(to_integer(info[2], "begin", 0, kMost)) {
    Napi::Float32Array floats = to_floats(info[3], "into");
    into = floats.Data();
    count = static_cast<std::int64_t>(floats.ElementLength());
  }

  const char* data() const { return body.data + begin; }
  // Throws if the body has fewer numbers than these.
  void check(std::int64_t numbers) const {
    if (begin + numbers * serve::bytes_of(datatype) > static_cast<std::int64_t>(body.size))
      throw Error("ERR_SHAPE", "body: too short");
  }

  serve::Datatype datatype;
  Bytes body;
  std::int64_t begin;
  float* into;
  std::int64_t count;
};

}  // namespace

Napi::Function define_tensor_reader(Napi::Env env) {
  return TensorReader::DefineClass(
      env, "TensorReader",
      {TensorReader::InstanceMethod<&TensorReader::read_infer>("readInfer"),
       TensorReader::InstanceMethod<&TensorReader::read_predict>("readPredict"),
       TensorReader::InstanceAccessor<&TensorReader::get_id>("id")});
}

void check_json(const Napi::CallbackInfo& info) {
  guard(info.Env(), [&] {
    const Bytes body = to_bytes(info[0], "body");
    serve::check_strict_json(body.data, body.size);
  });
}

void convert_tensor(const Napi::CallbackInfo& info) {
  guard(info.Env(), [&] {
    const Tensor tensor(info);
    tensor.check(tensor.count);
    serve::convert(tensor.datatype, tensor.data(), tensor.count, tensor.into);
  });
}

void place_tensor(const Napi::CallbackInfo& info) {
  guard(info.Env(), [&] {
    const Tensor tensor(info);
    const std::int64_t count = tensor.count;
    const std::int64_t first = to_integer(info[4], "first", 0, count);
    const std::int64_t columns = to_integer(info[5], "columns", 1, count - first);
    const std::int64_t row_size = to_integer(info[6], "rowSize", first + columns, count);
    const std::int64_t rows = count / row_size;
    tensor.check(rows * columns);
    const std::int64_t bytes = columns * serve::bytes_of(tensor.datatype);
    for (std::int64_t row = 0; row < rows; ++row) {
      serve::convert(tensor.datatype, tensor.data() + row * bytes, columns,
                     tensor.into + row * row_size + first);
    }
  });
}

void free_buffer(const Napi::CallbackInfo& info) {
  guard(info.Env(), [&] {
    to_bytes(info[0], "buffer");
    const Napi::Uint8Array array = info[0].As<Napi::Uint8Array>();
    Napi::ArrayBuffer memory = array.ArrayBuffer();
    if (memory.ByteLength() == array.ByteLength()) napi_detach_arraybuffer(info.Env(), memory);
  });
}

Napi::Value format_numbers(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&]() -> Napi::Value {
    const Napi::Float32Array values = to_floats(info[0], "values");
    const auto count = static_cast<std::int64_t>(values.ElementLength());
    const std::int64_t rows = to_integer(info[1], "rows", 0, count);
    if (rows > 0 && count % rows != 0) throw Error("ERR_SHAPE", "rows: expected whole rows");
    thread_local std::string text;
    text.clear();
    serve::append_numbers(values.Data(), static_cast<std::size_t>(count),
                          static_cast<std::size_t>(rows), text);
    napi_value result;
    if (napi_create_string_latin1(info.Env(), text.data(), text.size(), &result) != napi_ok)
      throw Error("ERR_OUT_OF_MEMORY", "the text is too long");
    if (text.capacity() > (std::size_t{1} << 20)) std::string().swap(text);
    return Napi::Value(info.Env(), result);
  });
}

}  // namespace neurode::addon
