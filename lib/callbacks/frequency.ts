/** How often callbacks that write do so. */

import { checkInteger, refuse } from '../checks/validate.js'
import type { Callback } from '../training/callbacks.js'
import type { Logs } from '../training/context.js'

/** When a checkpoint is written: after every epoch, or every time this number of batches of an epoch is done. */
export type SaveFrequency = 'epoch' | number

export function checkFrequency(value: unknown, argument: string): SaveFrequency {
  if (value === undefined || value === 'epoch') return 'epoch'
  return typeof value === 'number' ? checkInteger(value, argument) : refuse(argument, "'epoch' or a number", value)
}

/** When TensorBoard gets the values of batches: never, after every batch, or every time this number of batches of an epoch is done. */
export type UpdateFrequency = 'epoch' | 'batch' | number

export function checkUpdateFrequency(value: unknown, argument: string): SaveFrequency {
  if (value === 'batch') return 1
  if (value === undefined || value === 'epoch' || typeof value === 'number') return checkFrequency(value, argument)
  return refuse(argument, "'epoch', 'batch' or a number", value)
}

/** Adds `onBatchEnd` to one object; the property is not enumerable, so that copies of the object lack it. */
export function setHook(callback: Callback, onBatchEnd: (batch: number, logs: Logs) => Promise<void>): void {
  Object.defineProperty(callback, 'onBatchEnd', { value: onBatchEnd })
}
