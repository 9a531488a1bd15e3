/** Zip archives: in memory and member by member from a file, also with the numbers of archives beyond 4 GB. */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { readZip, writeZip } from '#lib/formats/zip.js'
import { openZip } from '#lib/formats/zipFile.js'
import { inFolder, rejects, throws } from './files.js'

const members = new Map([
  ['first.txt', Buffer.from('one')],
  ['folder/ä', Buffer.alloc(5000, 'x')],
  ['empty', Buffer.alloc(0)],
])

/** Bytes of an archive whose numbers are of 64 bits from `widest` on. */
const archive = (compress: boolean, widest?: number) => Buffer.from(Buffer.concat(writeZip(members, compress, widest)))

async function inFile<T>(bytes: Buffer, use: (zip: Awaited<ReturnType<typeof openZip>>) => Promise<T>): Promise<T> {
  return inFolder(async (folder) => {
    const path = join(folder, 'a.zip')
    writeFileSync(path, bytes)
    const file = await open(path)
    try {
      return await use(await openZip(file, bytes.length, 'a.zip'))
    } finally {
      await file.close()
    }
  })
}

describe('zip archives', () => {
  for (const [what, bytes] of Object.entries({
    'as they are': archive(false),
    compressed: archive(true),
    'with 64 bits for offsets and sizes of long members': archive(false, 100),
    'with 64 bits for all numbers': archive(true, 0),
  })) {
    it(`are read, ${what}`, async () => {
      const read = [...readZip(bytes, 'a.zip', 10_000)].map(([name, unpack]) => [name, Buffer.from(unpack())])
      assert.deepEqual(read, [...members])
      await inFile(bytes, async (zip) => {
        assert.deepEqual(zip.names, [...members.keys()])
        for (const [name, data] of members) assert.deepEqual(Buffer.from((await zip.read(name, 5000)) ?? []), data)
        assert.equal(await zip.read('other', 5000), undefined)
        await rejects(zip.read('folder/ä', 4999), 'ERR_FILE_FORMAT', /unpacks to 5000 bytes, beyond the limit of 4999/)
      })
    })
  }

  it('are refused where they end early, or numbers of 64 bits are wrong', async () => {
    const bytes = archive(false, 0)
    for (let length = 0; length < bytes.length; length += 7) {
      throws(() => readZip(bytes.subarray(0, length), 'a.zip', 10_000), 'ERR_FILE_FORMAT')
      await rejects(
        inFile(bytes.subarray(0, length), async () => {}),
        'ERR_FILE_FORMAT',
      )
    }
    const changed = (at: number) => {
      const copy = Buffer.from(bytes)
      copy[bytes.length + at] = 0x7f
      return copy
    }
    // The count, the size and the start of the directory, and the place of the record that has them.
    for (const at of [-22 - 20 - 56 + 24, -22 - 20 - 56 + 40, -22 - 20 - 56 + 48, -22 - 20 + 8, -22 - 20 + 15]) {
      throws(() => readZip(changed(at), 'a.zip', 10_000), 'ERR_FILE_FORMAT', /end record|directory|entries/)
    }
  })
})
