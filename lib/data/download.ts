/** Downloads files whose size and checksum are known, from several mirrors, with time limits and without partial files. */

import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { closing } from '../base/closing.js'
import { NeurodeError } from '../base/errors.js'
import { createSha256 } from '../files/sha256.js'
import { removeLeftovers, temporaryPath } from '../files/temporary.js'

/** The progress of a download. */
export interface DownloadProgress {
  /** Name of the file. */
  readonly file: string
  /** The address that it is downloaded from. */
  readonly url: string
  readonly receivedBytes: number
  readonly totalBytes: number
}

/** A file to download. */
export interface DownloadRequest {
  /** Path of the downloaded file; missing folders are created. */
  readonly path: string
  /** Addresses of the same file, tried in turn. */
  readonly urls: readonly string[]
  /** SHA-256 of the whole file, in hexadecimal. */
  readonly sha256: string
  /** Size of the whole file in bytes. */
  readonly bytes: number
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined
  /** Longest time, in milliseconds, until the headers of an answer arrive. Default 10,000. */
  readonly connectMilliseconds?: number | undefined
  /** Longest time, in milliseconds, between two pieces of the body. Default 20,000. */
  readonly idleMilliseconds?: number | undefined
}

/** Why a download from a mirror failed. */
export interface MirrorFailure {
  readonly url: string
  readonly reason: string
}

/** The result of {@link download}: the address that worked, if any, and the failures of the others. */
export interface DownloadResult {
  readonly url?: string | undefined
  readonly failures: readonly MirrorFailure[]
}

/**
 * Downloads a file from the first mirror that works. Failures of mirrors are part of the result. The promise rejects if the download
 * is aborted (`ERR_ABORTED`), if the folder cannot be written (`ERR_DOWNLOAD`) or if `onProgress` throws.
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

/** A signal of this realm that follows the given one, as `fetch` refuses signals of other realms. */
function ofThisRealm(signal: AbortSignal): AbortSignal {
  const isOwn: boolean = signal instanceof AbortSignal
  if (isOwn) return signal
  const own = new AbortController()
  const abort = () => own.abort(signal.reason)
  if (signal.aborted) abort()
  else signal.addEventListener('abort', abort, { once: true })
  return own.signal
}

/** Downloads `url` to `path` and checks the file. Returns the reason for a failure, or undefined on success. */
async function fetchTo(path: string, url: string, request: DownloadRequest): Promise<string | undefined> {
  const { signal, onProgress, bytes: totalBytes } = request
  const timer = new StallTimer()
  try {
    throwIfAborted(signal)
    timer.restart(request.connectMilliseconds ?? 10_000, 'no answer')
    const response = await fetch(url, {
      // fetch would decompress the body, whose checksum would then differ.
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
    const receive = async (body: AsyncIterable<Uint8Array>) => {
      timer.restart(idleMilliseconds, 'no data')
      for await (const chunk of body) {
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
    }
    const body = response.body as AsyncIterable<Uint8Array>
    return await closing(
      () => receive(body),
      () => writable(path, () => file.close()),
    )
  } catch (error) {
    throwIfAborted(signal)
    if (error instanceof LocalFailure) throw error
    return timer.reason ?? networkReason(error)
  } finally {
    timer.stop()
  }
}

/** Renames the finished file. Windows refuses that if another process, which downloaded the same file, has it open. */
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

/** An error that would occur with every mirror; its `cause` is thrown. */
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

/** A timer that aborts its signal unless it is restarted in time. */
class StallTimer {
  readonly #controller = new AbortController()
  #timeout: NodeJS.Timeout | undefined
  /** What took too long; undefined before the timer ran out. */
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
