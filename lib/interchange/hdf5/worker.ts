/** The program of the thread that reads and writes HDF5 files for `hdf5.ts`. */

import { parentPort } from 'node:worker_threads'
import { loadLibrary } from './library.js'
import type { H5Answer, H5Request } from './messages.js'
import { Reading } from './reading.js'
import { write } from './writing.js'

const library = await loadLibrary()
let reading: Reading | undefined

function answer(request: H5Request): H5Answer {
  switch (request.do) {
    case 'open':
      reading = Reading.open(library, request.bytes, request.maxBytes)
      return reading === undefined ? { notOpened: true } : { nodes: reading.nodes }
    case 'read':
      return { data: reading?.read(request.paths) ?? [] }
    case 'write':
      return { data: [write(library, request.objects)] }
    case 'close':
      reading?.close()
      reading = undefined
      return { memory: library.module.HEAPU8.length }
  }
}

function safeAnswer(request: H5Request): H5Answer {
  try {
    return answer(request)
  } catch (error) {
    return { problem: (error as Error).message }
  }
}

parentPort?.on('message', (request: H5Request) => {
  const answer = safeAnswer(request)
  parentPort?.postMessage(answer, 'data' in answer ? answer.data.map(({ buffer }) => buffer) : [])
})
parentPort?.postMessage('ready')
