/** What commands that train have in common: where results go, and numbers in events and texts. */

import { access, constants } from 'node:fs/promises'
import { dirname, isAbsolute, resolve } from 'node:path'
import type { DeviceName } from '../core/devices.js'
import { type DataParallel, mostParts } from '../distribution/dataParallel.js'
import { distribution } from '../distribution/index.js'
import { severalRanks } from '../distribution/join.js'
import { checkWritable } from '../files/files.js'
import { createSha256 } from '../files/sha256.js'
import { dtypes } from '../formats/dtypes.js'
import { integerOption, type Options, type ParsedArguments, pathPattern, textOption, UsageError } from './options.js'

/** Options of every training. */
export const trainingOptions: Options = {
  device: { value: 'NAME', help: 'auto, cpu, cuda or cuda:N (auto)' },
  threads: { value: 'N', help: 'threads of the CPU (NEURODE_THREADS, or the physical cores this process may use)' },
  parts: { value: 'N', help: 'cuts batches into N parts, a power of two, for the same bits on N and fewer processes' },
  backup: { value: 'DIR', help: 'keeps the training there, so that the command goes on where it was stopped' },
  'metrics-file': { value: 'FILE', help: 'writes a line of JSON per epoch, and one at the end, as Katib reads them' },
  trials: {
    value: 'FILE',
    help: 'options from a line of JSON, which NEURODE_TRIAL or the index of an array job picks',
  },
  option: { value: 'NAME=VALUE', many: true, help: 'sets another option, above the command line and --trials' },
}

/** The options of {@link trainingOptions}. */
export function readTraining(parsed: ParsedArguments) {
  const device = textOption(parsed, 'device', /^(auto|cpu|cuda(:\d+)?)$/, 'auto, cpu, cuda or cuda:N')
  return {
    device: device as DeviceName | undefined,
    threads: integerOption(parsed, 'threads', 1),
    parts: partsOption(parsed),
    backup: pathOption(parsed, 'backup', 'the path of a folder'),
    metricsFile: pathOption(parsed, 'metrics-file'),
  }
}

function partsOption(parsed: ParsedArguments): number | undefined {
  const parts = integerOption(parsed, 'parts', 1, mostParts)
  if (parts === undefined || Number.isInteger(Math.log2(parts))) return parts
  throw new UsageError(`--parts: expected a power of two, got '${parts}'`)
}

/** How a training with `--parts`, or by several processes, divides its batches. */
export function distributionOf(parts: number | undefined): DataParallel | undefined {
  const isDivided = parts !== undefined || severalRanks() !== undefined
  return isDivided ? distribution.dataParallel({ parts }) : undefined
}

/** The path that an option names, or undefined when it was not given. */
export function pathOption(parsed: ParsedArguments, name: string, expected = 'the path of a file'): string | undefined {
  const path = textOption(parsed, name, pathPattern, expected)
  return path === undefined ? undefined : fromUser(path)
}

/** Resolves a path relative to the folder in which npm was called, as npm changes the working folder. */
export function fromUser(path: string): string {
  return isAbsolute(path) ? path : resolve(process.env.INIT_CWD ?? '.', path)
}

/** Checks before the work that a file can be written after it. */
export async function checkPlace(option: string, path: string | undefined): Promise<void> {
  if (path === undefined) return
  const folder = dirname(path)
  await access(folder, constants.W_OK).catch(() => {
    throw new UsageError(`--${option}: expected a file in a folder that can be written to, got one in ${folder}`)
  })
  await checkWritable(path)
}

/** The SHA-256 of all weights, in order, as float32 in little-endian byte order: equal for equal bits. */
export function weightsDigest(model: { getWeights(): readonly { readonly data: Float32Array }[] }): string {
  const hash = createSha256()
  for (const { data } of model.getWeights()) hash.update(dtypes.float32.encode(data, 'weights'))
  return hash.digest('hex')
}

/** The median of numbers, of which there is at least one. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  return ((sorted[Math.ceil(middle) - 1] as number) + (sorted[Math.floor(middle)] as number)) / 2
}

/** Rounds to microseconds, the resolution of the clock. */
export function round(seconds: number): number {
  return Number(seconds.toFixed(6))
}

/** Writes a line of JSON Lines. */
export function writeJson(event: object): void {
  write(`${JSON.stringify(event)}\n`)
}

export function write(text: string): void {
  if (!isSilent) process.stdout.write(text)
}

let isSilent = false

/** Lets {@link write} do nothing from now on. */
export function silence(): void {
  isSilent = true
}

/** A number of things: `1 epoch`, `2 epochs`. */
export function count(number: number, noun: string, plural = `${noun}s`): string {
  return `${number.toLocaleString('en')} ${number === 1 ? noun : plural}`
}
