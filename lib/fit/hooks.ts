/** Calls the functions that fit was given, and ends the fit where it was aborted or has failed. */

import type { ModelCore } from '../core/core.js'
import { abortError, unlessAborted } from '../feeds/ranges.js'
import type { CallbackList } from '../training/callbacks.js'
import type { FitSettings } from './fitOptions.js'
import type { Progress } from './progress.js'

/** How long callbacks may take to close what they opened, once fit was aborted. */
const closeMilliseconds = 1000

/** The functions that one fit calls. */
export class FitHooks {
  readonly #core: ModelCore
  readonly #settings: Pick<FitSettings, 'callbacks' | 'onProgress' | 'signal'>
  #failure: { readonly error: unknown } | undefined

  constructor(core: ModelCore, settings: Pick<FitSettings, 'callbacks' | 'onProgress' | 'signal'>) {
    this.#core = core
    this.#settings = settings
  }

  /** Throws where the model was disposed, the fit was aborted, or {@link FitHooks.fail} was called. */
  check(): void {
    this.#core.checkAlive()
    if (this.#failure !== undefined) throw this.#failure.error
    const { signal } = this.#settings
    if (signal?.aborted) throw abortError('fit', signal)
  }

  /** Remembers an error for the next {@link FitHooks.check}: steps were taken before it, and they count. */
  readonly fail = (error: unknown): void => {
    this.#failure ??= { error }
  }

  /** Calls the callbacks and waits for them; without callbacks it only checks. */
  run(call: (callbacks: CallbackList) => Promise<void>): Promise<void> | void {
    const { callbacks } = this.#settings
    return callbacks.isEmpty ? this.check() : this.#waitFor(call(callbacks))
  }

  /** Calls `onProgress`, if there is one, and waits for it. */
  tell(progress: Progress): Promise<void> | void {
    const { onProgress } = this.#settings
    if (onProgress !== undefined) return this.#waitFor(Promise.resolve(onProgress(progress)))
  }

  /** Lets callbacks close what they opened. Once fit is aborted they have a second for it. */
  async close(): Promise<void> {
    const { callbacks, signal } = this.#settings
    if (callbacks.isEmpty) return
    const closed = callbacks.trainClose()
    if (signal === undefined) return closed
    let timer: NodeJS.Timeout | undefined
    let begin = () => {}
    const late = new Promise<never>((_, reject) => {
      begin = () => {
        timer = setTimeout(() => reject(abortError('fit', signal)), closeMilliseconds)
      }
    })
    if (signal.aborted) begin()
    else signal.addEventListener('abort', begin, { once: true })
    try {
      await Promise.race([closed, late])
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', begin)
    }
  }

  async #waitFor(work: Promise<unknown>): Promise<void> {
    const { signal } = this.#settings
    await (signal === undefined ? work : unlessAborted(work, signal, (aborted) => abortError('fit', aborted)))
    this.check()
  }
}
