/** Records which steps of loading a model run on this thread and which on others. */

import { native } from '#lib/native/native.js'

const crypto = process.getBuiltinModule('node:crypto')
const threads = process.getBuiltinModule('node:worker_threads')

/** Calls `tell` for each step that takes long for a large model, until it is disposed of. `noThreads`: no thread can be started. */
export function recordLoading(tell: (step: string) => void, { noThreads = false } = {}): Disposable {
  const addon = native()
  const { Predictor, createModel, openModel } = addon
  const { createHash } = crypto
  const { Worker } = threads
  const elsewhere = async <T>(what: string, work: Promise<T>): Promise<T> => {
    tell(`${what} elsewhere`)
    const result = await work
    tell(`${what} done`)
    return result
  }
  Object.assign(addon, {
    Predictor: class extends Predictor {
      constructor(...given: ConstructorParameters<typeof Predictor>) {
        super(...given)
        tell('packing here')
      }
      static override open(...given: Parameters<typeof Predictor.open>) {
        return elsewhere('packing', Predictor.open(...given))
      }
    },
    createModel(...given: Parameters<typeof createModel>) {
      tell('making here')
      return createModel(...given)
    },
    openModel: (...given: Parameters<typeof openModel>) => elsewhere('making', openModel(...given)),
  })
  Object.assign(crypto, {
    createHash(...given: Parameters<typeof createHash>) {
      tell('reading here')
      return createHash(...given)
    },
  })
  Object.assign(threads, {
    Worker: class extends Worker {
      constructor(...given: ConstructorParameters<typeof Worker>) {
        if (noThreads) throw new Error('no thread can be started')
        super(...given)
        tell('reading elsewhere')
      }
    },
  })
  return {
    [Symbol.dispose]() {
      Object.assign(addon, { Predictor, createModel, openModel })
      Object.assign(crypto, { createHash })
      Object.assign(threads, { Worker })
    },
  }
}
