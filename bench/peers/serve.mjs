// The servers with which `npm run bench -- serve` compares: a plain Fastify server that answers KServe V2 requests with
// onnxruntime-node.
//   npm install --no-save --ignore-scripts onnxruntime-node && node bench/peers/serve.mjs plain|batch|none net.onnx
// plain: each request is a run of its own. batch: requests that arrive within one millisecond share a run. none: bodies are
// read, and nothing is computed.
import fastify from 'fastify'

const [mode, path] = process.argv.slice(2)
const app = fastify({ bodyLimit: 2 ** 26 })
app.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))

const infer = mode === 'none' ? undefined : await inference()

async function inference() {
  const { InferenceSession, Tensor } = await import('onnxruntime-node')
  // One thread only: the load generator uses the other core.
  const session = await InferenceSession.create(path, { intraOpNumThreads: 1, interOpNumThreads: 1 })
  const [input] = session.inputNames
  const [output] = session.outputNames
  const run = async (data, rows) =>
    (await session.run({ [input]: new Tensor('float32', data, [rows, data.length / rows]) }))[output].data
  if (mode === 'plain') return run
  let waiting = []
  const runAll = async () => {
    const batch = waiting
    waiting = []
    const rows = batch.reduce((sum, request) => sum + request.rows, 0)
    const size = batch[0].data.length / batch[0].rows
    const all = new Float32Array(rows * size)
    let at = 0
    for (const { data } of batch) {
      all.set(data, at)
      at += data.length
    }
    const output = await run(all, rows)
    const outputs = output.length / rows
    let row = 0
    for (const request of batch) {
      request.resolve(output.subarray(row * outputs, (row + request.rows) * outputs))
      row += request.rows
    }
  }
  return (data, rows) =>
    new Promise((resolve) => {
      waiting.push({ data, rows, resolve })
      if (waiting.length === 1) setTimeout(runAll, 1)
    })
}

app.post('/v2/models/net/infer', async (request, reply) => {
  const headerLength = Number(request.headers['inference-header-content-length'])
  const isBinary = Buffer.isBuffer(request.body)
  const json = isBinary ? JSON.parse(request.body.toString('utf8', 0, headerLength)) : request.body
  const [{ shape, data }] = json.inputs
  if (infer === undefined) return { model_name: 'net', outputs: [] }
  const values = isBinary
    ? new Float32Array(Uint8Array.from(request.body.subarray(headerLength)).buffer)
    : Float32Array.from(data)
  const output = await infer(values, shape[0])
  const tensor = { name: 'output', datatype: 'FP32', shape: [shape[0], output.length / shape[0]] }
  if (!isBinary) return { model_name: 'net', outputs: [{ ...tensor, data: Array.from(output) }] }
  const header = Buffer.from(
    JSON.stringify({
      model_name: 'net',
      outputs: [{ ...tensor, parameters: { binary_data_size: output.byteLength } }],
    }),
  )
  reply.header('content-type', 'application/octet-stream').header('inference-header-content-length', header.length)
  return Buffer.concat([header, Buffer.from(output.buffer, output.byteOffset, output.byteLength)])
})

console.log(`listening on ${await app.listen({ port: 0, host: '127.0.0.1' })}`)
