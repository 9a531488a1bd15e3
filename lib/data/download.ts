/** Downloads of known files: mirrors in turn, time-outs, checksums, and never a half file under the final name. */

import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { NeurodeError } from '../base/errors.js'
import { createSha256 } from '../files/sha256.js'
import { removeLeftovers, temporaryPath } from '../files/temporary.js'

/** How far a download is. */
export interface DownloadProgress {
  /** Name of the file. */
  readonly file: string
  /** Where it comes from. */
  readonly url: string
  readonly receivedBytes: number
  readonly totalBytes: number
}

/** One file to fetch. */
export interface DownloadRequest {
  /** Where the file will be, in a folder that is made when missing. */
  readonly path: string
  /** Addresses of the same file, tried in turn. */
  readonly urls: readonly string[]
  /** Of the whole file, in hexadecimal. */
  readonly sha256: string
  /** Size of the whole file. */
  readonly bytes: number
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined
  /** Until the headers of an answer are there. Default 10,000. */
  readonly connectMilliseconds?: number | undefined
  /** Between two pieces of the body. Default 20,000. */
  readonly idleMilliseconds?: number | undefined
}

/** Why a mirror did not deliver. */
export interface MirrorFailure {
  readonly url: string
  readonly reason: string
}

/** What {@link download} did: the address that delivered, or nothing and only failures. */
export interface DownloadResult {
  readonly url?: string | undefined
  readonly failures: readonly MirrorFailure[]
}

/**
 * Fetches a file from the first mirror that has it. A mirror's failure is a result; an abort (`ERR_ABORTED`), a folder
 * that cannot be written (`ERR_DOWNLOAD`) and what `onProgress` throws are errors.
 */
export async function download(request: DownloadRequest): Promise<DownloadResult> {
  const folder = dirname(request.path)
  const temporary = await temporaryPath(folder)
  const failures: MirrorFailure[] = []
  try {
    await writable(folder, () => mkdir(folder, { recursive: true }))
    await writable(folder, () => removeLeftovers(folder))
    for (const url of request.urls) {
      const reason = await fetchTo(temporary, url, request)
      if (reason === undefined) {
        await writable(folder, () => publish(temporary, request.path))
        return { url, failures }
      }
      failures.push({ url, reason })
    }
    return { failures }
  } catch (error) {
    throw error instanceof LocalFailure ? error.cause : error
  } finally {
    await rm(temporary, { force: true }).catch(() => {})
  }
}

/** A signal that `fetch` takes: it refuses those of other realms. */
function ofThisRealm(signal: AbortSignal): AbortSignal {
  const isOwn: boolean = signal instanceof AbortSignal
  if (isOwn) return signal
  const own = new AbortController()
  const abort = () => own.abort(signal.reason)
  if (signal.aborted) abort()
  else signal.addEventListener('abort', abort, { once: true })
  return own.signal
}

/** Writes the file of `url` to `path`; returns why it could not be had, or undefined when it is there and right. */
async function fetchTo(path: string, url: string, request: DownloadRequest): Promise<string | undefined> {
  const { signal, onProgress, bytes: totalBytes } = request
  const timer = new StallTimer()
  try {
    throwIfAborted(signal)
    timer.restart(request.connectMilliseconds ?? 10_000, 'no answer')
    const response = await fetch(url, {
      // A body decoded on the way would have another checksum.
      headers: { 'accept-encoding': 'identity' },
      signal: signal ? AbortSignal.any([ofThisRealm(signal), timer.signal]) : timer.signal,
    })
    if (!response.ok || !response.body) {
      await response.body?.cancel()
      return `status ${response.status}`
    }
    const hash = createSha256()
    let receivedBytes = 0
    const idleMilliseconds = request.idleMilliseconds ?? 20_000
    const file = await writable(path, () => open(path, 'w'))
    try {
      timer.restart(idleMilliseconds, 'no data')
      for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
        receivedBytes += chunk.length
        if (receivedBytes > totalBytes) return `more than the ${totalBytes} bytes expected`
        hash.update(chunk)
        await writable(path, () => file.writeFile(chunk))
        callback(() => onProgress?.({ file: basename(request.path), url, receivedBytes, totalBytes }))
        timer.restart(idleMilliseconds, 'no data')
      }
      if (receivedBytes < totalBytes) return `${receivedBytes} of ${totalBytes} bytes`
      if (hash.digest('hex') !== request.sha256) return 'wrong SHA-256'
      await writable(path, () => file.sync())
      return undefined
    } finally {
      await file.close()
    }
  } catch (error) {
    throwIfAborted(signal)
    if (error instanceof LocalFailure) throw error
    return timer.reason ?? networkReason(error)
  } finally {
    timer.stop()
  }
}

/** Windows refuses to replace a file that another process, having fetched the same, has open. */
async function publish(temporary: string, path: string): Promise<void> {
  try {
    await rename(temporary, path)
  } catch (error) {
    const { size } = await stat(path).catch(() => ({ size: -1 }))
    if (size !== (await stat(temporary)).size) throw error
  }
}

/** Throws `ERR_ABORTED` once the signal is aborted. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new NeurodeError('ERR_ABORTED', 'the download was aborted', { cause: signal.reason })
}

/** An error that no other mirror would cure; `cause` is what to throw. */
class LocalFailure extends Error {}

function callback(call: () => void): void {
  try {
    call()
  } catch (cause) {
    throw new LocalFailure('callback', { cause })
  }
}

async function writable<T>(path: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write()
  } catch (error) {
    const message = `${path}: the download cannot be written (${(error as Error).message})`
    throw new LocalFailure('write', { cause: new NeurodeError('ERR_DOWNLOAD', message, { cause: error }) })
  }
}

/** Aborts its signal when it is not restarted in time. */
class StallTimer {
  readonly #controller = new AbortController()
  #timeout: NodeJS.Timeout | undefined
  /** What stalled, once it has. */
  reason: string | undefined

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  restart(milliseconds: number, what: string): void {
    clearTimeout(this.#timeout)
    this.#timeout = setTimeout(() => {
      this.reason = `${what} for ${milliseconds / 1000} s`
      this.#controller.abort()
    }, milliseconds)
  }

  stop(): void {
    clearTimeout(this.#timeout)
  }
}

function networkReason(error: unknown): string {
  const { cause, message } = error as Error
  if (!(cause instanceof Error)) return message
  const code = (cause as NodeJS.ErrnoException).code
  return code ?? cause.message
}
