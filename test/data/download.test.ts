/** Downloads: mirrors are tried in turn, a mirror may fail in every way, and no incomplete file is ever left. */

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type DownloadProgress, type DownloadRequest, download } from '#lib/data/download.js'
import { inFolder, rejects } from './files.js'
import { cutting, type Handler, missing, serve, silent, stalling, withMirrors } from './server.js'

const body = Buffer.alloc(300_000, 'abcdefg')
const sha256 = createHash('sha256').update(body).digest('hex')
const good = serve({ file: body })

function request(folder: string, urls: readonly string[], more: Partial<DownloadRequest> = {}): DownloadRequest {
  const limits = { connectMilliseconds: 2000, idleMilliseconds: 2000 }
  return { path: join(folder, 'file'), urls, sha256, bytes: body.length, ...limits, ...more }
}

describe('download', () => {
  it('writes the file, makes its folder and reports progress', () =>
    withMirrors([good], ([mirror]) =>
      inFolder(async (folder) => {
        const url = `${mirror?.url}file`
        const seen: DownloadProgress[] = []
        const path = join(folder, 'a', 'b', 'file')
        const result = await download(request(folder, [url], { path, onProgress: (progress) => seen.push(progress) }))
        assert.deepEqual(result, { url, failures: [] })
        assert.deepEqual(await readFile(path), body)
        assert.deepEqual(await readdir(join(folder, 'a', 'b')), ['file'])
        assert.deepEqual(seen.at(-1), { file: 'file', url, receivedBytes: body.length, totalBytes: body.length })
        assert.ok(seen.every(({ receivedBytes }, i) => receivedBytes > (seen[i - 1]?.receivedBytes ?? 0)))
      }),
    ))

  const faults: readonly { name: string; handler: Handler; reason: RegExp }[] = [
    { name: 'has no such file', handler: missing, reason: /^status 404$/ },
    { name: 'fails', handler: (_, response) => response.writeHead(503).end(), reason: /^status 503$/ },
    { name: 'never answers', handler: silent, reason: /^no answer for 2 s$/ },
    { name: 'stalls', handler: stalling, reason: /^no data for 2 s$/ },
    { name: 'cuts the connection', handler: cutting, reason: /./ },
    { name: 'closes at once', handler: (_, response) => response.destroy(), reason: /./ },
    { name: 'has other bytes', handler: serve({ file: Buffer.alloc(body.length) }), reason: /^wrong SHA-256$/ },
    { name: 'has too few bytes', handler: serve({ file: body.subarray(1) }), reason: /^299999 of 300000 bytes$/ },
    {
      name: 'has too many bytes',
      handler: serve({ file: Buffer.alloc(400_000) }),
      reason: /^more than the 300000 bytes/,
    },
    {
      name: 'redirects for ever',
      handler: (_, response) => response.writeHead(302, { location: '/' }).end(),
      reason: /./,
    },
    {
      name: 'sends a page in its place',
      handler: (_, response) => response.end('<p>Log in</p>'),
      reason: /^13 of 300000/,
    },
  ]
  for (const { name, handler, reason } of faults) {
    it(`goes on to the next mirror when one ${name}`, () =>
      withMirrors([handler, good], ([bad, right]) =>
        inFolder(async (folder) => {
          const urls = [`${bad?.url}file`, `${right?.url}file`]
          const { url, failures } = await download(request(folder, urls))
          assert.equal(url, urls[1])
          assert.deepEqual(
            failures.map((failure) => failure.url),
            [urls[0]],
          )
          assert.match(failures[0]?.reason ?? '', reason)
          assert.deepEqual(await readFile(join(folder, 'file')), body)
          assert.deepEqual(await readdir(folder), ['file'])
        }),
      ))

    it(`leaves nothing when every mirror ${name}`, () =>
      withMirrors([handler], ([bad]) =>
        inFolder(async (folder) => {
          const { url, failures } = await download(request(folder, [`${bad?.url}file`, `${bad?.url}file`]))
          assert.equal(url, undefined)
          assert.equal(failures.length, 2)
          assert.deepEqual(await readdir(folder), [])
        }),
      ))
  }

  it('gives the reason of a mirror that is not there', () =>
    inFolder(async (folder) => {
      const gone = await withMirrors([good], async ([mirror]) => `${mirror?.url}file`)
      const { failures } = await download(request(folder, [gone]))
      assert.deepEqual(failures, [{ url: gone, reason: 'ECONNREFUSED' }])
    }))

  it('stops when the signal says so, before and during a body', () =>
    withMirrors([stalling], ([mirror]) =>
      inFolder(async (folder) => {
        const urls = [`${mirror?.url}file`]
        await rejects(download(request(folder, urls, { signal: AbortSignal.abort() })), 'ERR_ABORTED')
        assert.equal(mirror?.requests.length, 0)
        const controller = new AbortController()
        const onProgress = () => controller.abort()
        await rejects(download(request(folder, urls, { signal: controller.signal, onProgress })), 'ERR_ABORTED')
        assert.deepEqual(await readdir(folder), [])
      }),
    ))

  it('passes on what onProgress throws, and does not try another mirror', () =>
    withMirrors([good], ([mirror]) =>
      inFolder(async (folder) => {
        const urls = [`${mirror?.url}file`, `${mirror?.url}file`]
        const failure = new Error('mine')
        const onProgress = () => {
          throw failure
        }
        await assert.rejects(download(request(folder, urls, { onProgress })), failure)
        assert.equal(mirror?.requests.length, 1)
        assert.deepEqual(await readdir(folder), [])
      }),
    ))

  it('says when the folder cannot be written', () =>
    withMirrors([good], ([mirror]) =>
      inFolder(async (folder) => {
        await writeFile(join(folder, 'taken'), '')
        const path = join(folder, 'taken', 'file')
        const failed = download(request(folder, [`${mirror?.url}file`], { path }))
        await rejects(failed, 'ERR_DOWNLOAD', /taken: the download cannot be written/)
      }),
    ))

  it('lets many fetch the same file at once', () =>
    withMirrors([good], ([mirror]) =>
      inFolder(async (folder) => {
        const urls = [`${mirror?.url}file`]
        const results = await Promise.all(Array.from({ length: 5 }, () => download(request(folder, urls))))
        assert.ok(results.every(({ url }) => url === urls[0]))
        assert.deepEqual(await readdir(folder), ['file'])
        assert.deepEqual(await readFile(join(folder, 'file')), body)
      }),
    ))
})
