/** `neurode convert IN OUT`: writes a model in the format of another library. */

import { realpath, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { loadFile } from '../models/load.js'
import { withNotes } from './notes.js'
import {
  describeOptions,
  integerOption,
  listOption,
  type Options,
  parse,
  pathPattern,
  positiveOption,
  UsageError,
} from './options.js'
import { type AnyLoaded, compareOutputs } from './sameOutputs.js'

const usage = 'neurode convert <in> <out> [options]'

const options: Options = {
  opset: { value: 'N', help: "version of ONNX's operators, for a path that ends in .onnx (17)" },
  outputs: { value: 'A,B', help: 'the outputs that are wanted, where <in> is an ONNX model (all)' },
  names: { value: 'torch', help: "PyTorch's names and layouts, where <out> holds weights alone" },
  'learning-rate': { value: 'X', help: 'in place of that in the file, such as a function, which files do not hold' },
  check: { help: 'loads <out> again, and compares its outputs on random rows; exit code 1 if they differ' },
}

/** Endings of files that hold a whole model, and of those that hold weights alone. */
const modelEnding = /\.(?:neurode|keras|h5|onnx|json)$/i
const weightsEnding = /\.(?:weights\.h5|safetensors|npz)$/i

/** The largest difference that `--check` accepts, in units of the largest output. */
const tolerance = 1e-4

/** Runs the command and returns the exit code: 1 if `--check` found a difference. */
export async function convert(args: readonly string[]): Promise<number> {
  const parsed = parse(args, options)
  const { values, positionals } = parsed
  if (values.help) {
    process.stdout.write(describeOptions(usage, options))
    return 0
  }
  const [from, to, ...more] = positionals
  if (
    from === undefined ||
    to === undefined ||
    more.length > 0 ||
    positionals.some((path) => !pathPattern.test(path))
  ) {
    throw new UsageError(`expected '${usage}', got '${['convert', ...positionals].join(' ')}'`)
  }
  const isWeights = weightsEnding.test(to)
  if (!isWeights && !modelEnding.test(to)) {
    const endings = '.neurode, .keras, .h5, .onnx or .json, or for weights alone .safetensors, .npz or .weights.h5'
    throw new UsageError(`<out>: expected a path that ends in ${endings}, got '${to}'`)
  }
  const opset = integerOption(parsed, 'opset', 13, 25)
  if (opset !== undefined && !/\.onnx$/i.test(to))
    throw new UsageError(`--opset: expected <out> to end in .onnx, got '${to}'`)
  const learningRate = positiveOption(parsed, 'learning-rate')
  const outputs = listOption(parsed, 'outputs')
  const { names } = values
  if (names !== undefined && (names !== 'torch' || !isWeights)) {
    throw new UsageError(`--names: expected 'torch', for weights alone, got '${names}' for '${to}'`)
  }
  await checkApart(from, to)

  const rate = learningRate === undefined ? {} : { learningRate }
  const open = async (path: string): Promise<AnyLoaded> => {
    return (await loadFile(path, outputs === undefined ? rate : { ...rate, outputs })).model as AnyLoaded
  }
  const { result: model, notes } = await withNotes(() => open(from))
  const leftOut = await write(model, to, isWeights, opset, names)
  const lines = [
    `Wrote ${to}`,
    ...notes.map((note) => `Not read: ${note}`),
    ...leftOut.map((what) => `Left out: ${what}`),
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
  return values.check ? check(model, to, isWeights ? () => open(from) : undefined) : 0
}

/** Throws for an output that would replace files of the input. */
async function checkApart(from: string, to: string): Promise<void> {
  const [source, target] = [await placeOf(from), await placeOf(to)]
  if (source === target) throw new UsageError(`<out>: expected another path than <in>, got '${to}'`)
  const isFolder = await stat(from).then(
    (stats) => stats.isDirectory(),
    () => false,
  )
  const hasFiles = isFolder || /\.json$/i.test(from)
  const folder = isFolder ? source : dirname(source)
  if (!hasFiles || !/\.json$/i.test(to) || dirname(target) !== folder) return
  throw new UsageError(`<out>: expected another folder than that of <in>, whose weights could be replaced, got '${to}'`)
}

/** The path without links; for a file that is not there yet, within its folder. */
async function placeOf(path: string): Promise<string> {
  return realpath(path).catch(async () => {
    const whole = resolve(path)
    const folder = await realpath(dirname(whole)).catch(() => dirname(whole))
    return resolve(folder, whole.slice(dirname(whole).length).replace(/^[/\\]/, ''))
  })
}

/** Writes the model, and returns what the file lacks. */
async function write(
  model: AnyLoaded,
  to: string,
  isWeights: boolean,
  opset: number | undefined,
  names: 'torch' | undefined,
): Promise<readonly string[]> {
  if (!isWeights) return (await model.save(to, opset === undefined ? {} : { opset })).leftOut
  await model.saveWeights(to, names === undefined ? {} : { names })
  return ['all but the weights: the layers, and how the model is trained']
}

async function check(
  model: AnyLoaded,
  to: string,
  openSource: (() => Promise<AnyLoaded>) | undefined,
): Promise<number> {
  const { result: again } = await withNotes(() =>
    openSource === undefined ? loadFile(to).then(({ model }) => model as AnyLoaded) : withWeights(openSource, to),
  )
  const { largest, size } = await compareOutputs(model, again)
  const relative = size === 0 ? largest : largest / size
  if (!Number.isFinite(largest)) {
    process.stderr.write(
      `neurode: ${to}: the outputs on random rows are not finite numbers, or not as many: nothing to compare\n`,
    )
    return 1
  }
  const isSame = relative <= tolerance
  const text = `largest difference of outputs on random rows: ${largest.toPrecision(3)}, the largest output is ${size.toPrecision(3)}`
  if (isSame) process.stdout.write(`Checked: ${text}\n`)
  else process.stderr.write(`neurode: ${to} computes something else: ${text}\n`)
  return isSame ? 0 : 1
}

/** The model of the source with the weights of a file. All weights are zeros before, so that those which the file lacks are noticed. */
async function withWeights(openSource: () => Promise<AnyLoaded>, path: string): Promise<AnyLoaded> {
  const model = await openSource()
  model.setWeights(
    model.getWeights().map(({ data, shape }) => ({ data: new Float32Array(data.length), shape }) as never),
  )
  await model.loadWeights(path)
  return model
}
