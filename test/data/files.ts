/** Shared by the tests of data: IDX files in memory, temporary folders and expected rejections. */

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Makes the bytes of an IDX file. */
export function idxBytes(code: number, shape: readonly number[], elements: Uint8Array): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length)
  header.set([0, 0, code, shape.length])
  shape.forEach((size, i) => {
    header.writeUInt32BE(size, 4 + 4 * i)
  })
  return Buffer.concat([header, elements])
}

/** Runs `work` with a temporary folder, which is removed afterwards. */
export async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'neurode-'))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

export async function rejects(promise: Promise<unknown>, code: string, message: RegExp = /./): Promise<void> {
  await assert.rejects(promise, { name: 'NeurodeError', code, message })
}

export function throws(call: () => unknown, code: string, message: RegExp = /./): void {
  assert.throws(call, { name: 'NeurodeError', code, message })
}
