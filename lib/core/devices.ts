/** The devices that a model can run on. */

import { NeurodeError } from '../base/errors.js'
import { refuseMore } from '../checks/arity.js'
import { refuse } from '../checks/validate.js'
import type { DataParallel } from '../distribution/dataParallel.js'
import { severalRanks } from '../distribution/join.js'
import type { DeviceInfo } from '../native/addon.js'
import { native } from '../native/native.js'
import type { Precision } from '../native/plan.js'

/** Where and how a model runs: device, number of threads (0 for the default) and precision. */
export interface DeviceSettings {
  readonly device: string
  readonly threads: number
  readonly precision: Precision
}

/** `auto`: a CUDA device that works, else the CPU; `cuda`: the first CUDA device; `cuda:1`; any name of {@link devices}. */
export type DeviceName = 'auto' | 'cpu' | 'cuda' | `cuda:${number}` | (string & Record<never, never>)

/**
 * Lists all devices; for a device that is not available, `reason` says why.
 *
 * @example
 * ```ts
 * import { devices } from 'neurode'
 *
 * for (const { name, available, reason } of devices()) console.log(name, available ? 'is there' : reason)
 * ```
 */
export function devices(): DeviceInfo[]
export function devices(...more: unknown[]): DeviceInfo[] {
  refuseMore(more, 0, 'devices')
  return native().devices()
}

/** The device that is used if none was chosen: that of `NEURODE_DEVICE`, or `auto`. */
export function defaultDevice(): DeviceName {
  const wanted = process.env.NEURODE_DEVICE
  return wanted ? checkDevice(wanted, 'NEURODE_DEVICE') : 'auto'
}

/** Checks a device's name. Throws `ERR_DEVICE_UNAVAILABLE`, with the reason, for a CUDA device that is not available. */
export function checkDevice(value: unknown, argument: string): DeviceName {
  if (typeof value !== 'string') return refuse(argument, "'auto', 'cpu', 'cuda' or 'cuda:1'", value)
  if (value === 'auto' || value === 'cpu') return value
  if (!/^cuda(:\d+)?$/.test(value)) {
    const expected = `${argument}: expected 'auto', 'cpu', 'cuda' or 'cuda:1'`
    throw new NeurodeError('ERR_UNKNOWN_NAME', `${expected}, got ${JSON.stringify(value)}`)
  }
  const all = devices()
  const matching = all.filter(({ name }) => name === value || (value === 'cuda' && name.startsWith('cuda')))
  if (matching.some(({ available }) => available)) return value as DeviceName
  const candidates = matching.length > 0 ? matching : all.filter(({ name }) => name.startsWith('cuda'))
  const reasons = candidates.map(({ name, reason }) => reason ?? `there is ${name} only`)
  const why = reasons.length > 0 ? reasons.join('; ') : 'no CUDA device was found'
  throw new NeurodeError('ERR_DEVICE_UNAVAILABLE', `${argument}: '${value}' is not available: ${why}`)
}

/** The device for an option `device` of compile or load. `auto` and undefined take that of `NEURODE_DEVICE` if it is set. */
export function chooseDevice(device: unknown): DeviceName {
  const checked = device === undefined ? 'auto' : checkDevice(device, 'device')
  return checked === 'auto' ? defaultDevice() : checked
}

/**
 * The device for a training in parts, if it is one: `auto` is the CPU, and `cuda` the device that is the rank's among those of its
 * host.
 */
export function deviceFor(distribution: DataParallel | undefined, device: DeviceName): DeviceName {
  if (distribution === undefined) return device
  if (device === 'auto') return 'cpu'
  const ranks = severalRanks()
  if (device !== 'cuda' || ranks === undefined) return device
  const names = devices().flatMap(({ name, available }) => (name !== 'cpu' && available ? name : []))
  return names[ranks.cluster.localRank % names.length] ?? device
}

const precisions: readonly Precision[] = ['float32', 'tf32', 'bfloat16']

/** Checks a precision. Throws `ERR_ARGUMENT` if the device does not support it. */
export function checkPrecision(value: unknown, device: DeviceName): Precision {
  const precision = value ?? 'float32'
  if (!precisions.includes(precision as Precision)) return refuse('precision', "'float32', 'tf32' or 'bfloat16'", value)
  const info = deviceOf(device)
  if (precision === 'float32' || info === undefined || info.precisions?.includes(precision as Precision)) {
    return precision as Precision
  }
  const needed = 'a CUDA device of compute capability 8.0 or newer'
  const found = info.description === undefined ? info.name : `${info.name}: ${info.description}`
  throw new NeurodeError('ERR_ARGUMENT', `precision: '${precision}' takes ${needed}, the model's device is ${found}`)
}

/** The device of a name. `auto` never chooses an emulated device. */
function deviceOf(name: DeviceName): DeviceInfo | undefined {
  const there = devices().filter(({ available }) => available)
  if (name !== 'auto') return there.find((info) => info.name === name || (name === 'cuda' && info.name === 'cuda:0'))
  const isReal = ({ name, description }: DeviceInfo) => name === 'cuda:0' && !description?.startsWith('Emulated')
  return there.find(isReal) ?? there.find((info) => info.name === 'cpu')
}
