/** The program of the thread that reads one model file for {@link readIntactFile}. */

import { parentPort, workerData } from 'node:worker_threads'
import { NeurodeError } from '../base/errors.js'
import { type ReadAnswer, readHere } from './intactFile.js'

async function read(path: string): Promise<ReadAnswer> {
  try {
    const { tensors, metadata } = await readHere(path)
    const plain = [...tensors].map(([name, { data, shape, dtype }]) => [name, { data, shape, dtype }] as const)
    return { tensors: plain, metadata }
  } catch (error) {
    if (error instanceof NeurodeError) return { code: error.code, message: error.message }
    throw error
  }
}

const answer = await read(workerData)
const buffers = 'tensors' in answer ? answer.tensors.map(([, { data }]) => data.buffer as ArrayBuffer) : []
parentPort?.postMessage(answer, [...new Set(buffers)])
